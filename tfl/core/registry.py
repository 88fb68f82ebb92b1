"""A plug-in is one file: the folder is the registry.

`names` lists module names without importing any; `get` imports that one module and takes its one
public object. Modules whose name begins with an underscore are not plug-ins. Third parties register
entry points, which are looked up only for names that the folder does not have.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import pkgutil
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from tfl.core.errors import unknown_name

T = TypeVar("T")


@dataclass(frozen=True)
class Registry(Generic[T]):
    """The plug-ins of one kind.

    Args:
        package: The package whose modules are the plug-ins, such as `tfl.targets`.
        attribute: The name that each module gives its plug-in, such as `TARGET`.
        kind: What one is called in messages, such as `target`.
    """

    package: str
    attribute: str
    kind: str

    def names(self) -> tuple[str, ...]:
        """Return the names of the built-in plug-ins, sorted, importing none of them, nor the package.

        Raises:
            ModuleNotFoundError: There is no such package.
        """
        found = importlib.util.find_spec(self.package)
        if found is None or found.submodule_search_locations is None:
            raise ModuleNotFoundError(f"no package {self.package}", name=self.package)
        folder = list(found.submodule_search_locations)
        return tuple(sorted(module.name for module in pkgutil.iter_modules(folder) if not module.name.startswith("_")))

    def third_party_names(self) -> tuple[str, ...]:
        """Return the names of registered entry points that the folder does not have, sorted, importing none."""
        registered = {entry_point.name for entry_point in importlib.metadata.entry_points(group=self.package)}
        return tuple(sorted(registered - set(self.names())))

    def get(self, name: str) -> T:
        """Import one plug-in and return it.

        Raises:
            NotFoundError: Neither the folder nor an entry point of the group `package` has the name.
        """
        if name in self.names():
            return cast(T, getattr(importlib.import_module(f"{self.package}.{name}"), self.attribute))
        third_party = importlib.metadata.entry_points(group=self.package)
        for entry_point in third_party:
            if entry_point.name == name:
                return cast(T, entry_point.load())
        raise unknown_name(self.kind, name, {*self.names(), *(entry.name for entry in third_party)})
