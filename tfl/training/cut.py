"""Where a network can be cut in two: layers through whose one output everything passes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

#: A node of the graph: the layer's name and the number of the call.
_Node = tuple[str, int]


class Cuttable:
    """A network and its parts; the parts share its layers, so that what one learns all have.

    Args:
        model: Functional, with one input and one output. Any other has no points to cut at but its ends.

    Attributes:
        model: The network.
        points: Names of the layers to cut after, from the input to the output, neither included.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        # Building a part adds calls to its layers, after which Keras no longer tells a layer's one output.
        self._graph = _graph(model)
        operations = _operations(self._graph)
        self._tensors = {name: operations[name].output for name in cut_points(model)}
        self._parts: dict[tuple[str, str], keras.Model] = {}

    @property
    def points(self) -> tuple[str, ...]:
        """See the class."""
        return tuple(self._tensors)

    def boundary(self) -> str:
        """Return the last point above which nothing learns; empty where that is the input."""
        found = ""
        learning = {layer.name for layer in self.model.layers if layer.trainable_weights}
        if not learning:
            return self.points[-1] if self.points else ""
        ancestors = _ancestors(self._graph)
        for point in self.points:
            if {point, *ancestors[point]} & learning:
                break
            found = point
        return found

    def part(self, begin: str, end: str) -> keras.Model:
        """Return the network from one point to a later one; an empty name is the input or the output.

        Args:
            begin: The point whose output goes in.
            end: The point whose output comes out.
        """
        import keras

        if not begin and not end:
            return self.model
        if (begin, end) not in self._parts:
            start = self._tensor(begin) if begin else self._graph.inputs[0]
            self._parts[begin, end] = keras.Model(start, self._tensor(end))
        return self._parts[begin, end]

    def _tensor(self, point: str) -> Any:
        return self._tensors[point] if point else self._graph.outputs[0]


def cut_points(model: keras.Model) -> tuple[str, ...]:
    """Name the layers after which a network can be cut, in the order of the data.

    A layer is one when it is called once, has one output, and every way from the input to the output leads through
    it: no tensor made before it is used after it.
    """
    model = _graph(model)
    edges = _edges(model)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        return ()
    order = list(_sorted(edges))
    place = {node: index for index, node in enumerate(order)}
    last_use = dict.fromkeys(order, -1)
    for node, sources in edges.items():
        for source in sources:
            last_use[source] = max(last_use[source], place[node])
    calls: dict[str, int] = {}
    for name, _ in order:
        calls[name] = calls.get(name, 0) + 1
    operations = _operations(model)
    points, reach = [], -1
    for index, node in enumerate(order):
        single = calls[node[0]] == 1 and not isinstance(operations[node[0]].output, (list, tuple, dict))
        if reach <= index and edges[node] and single and last_use[node] >= 0:
            points.append(node[0])
        reach = max(reach, last_use[node])
    return tuple(points)


def last_on_every_way(model: keras.Model, names: Collection[str]) -> tuple[str, ...]:
    """Name the first of the given layers on each way from the output back to the input, in alphabetical order.

    None of them takes what another one made: the way goes on from a layer that does.
    """
    edges = _edges(_graph(model))
    ancestors = _ancestors(_graph(model))
    sources = set().union(*edges.values())
    found: set[str] = set()
    ways, passed = [node for node in edges if node not in sources], set(edges)
    while ways:
        while ways:
            node = ways.pop()
            if node not in passed:
                continue
            passed.discard(node)
            if node[0] in names:
                found.add(node[0])
            else:
                ways.extend(edges[node])
        covered = {name for name in found if ancestors[name] & found}
        found -= covered
        ways = [source for node, taken in edges.items() if node[0] in covered for source in taken]
    return tuple(sorted(found))


def _graph(model: keras.Model) -> keras.Model:
    """Return the network as a graph of layers, which a sequential one does not show."""
    import keras

    return keras.Model(model.inputs, model.outputs) if isinstance(model, keras.Sequential) else model


def _operations(model: keras.Model) -> dict[str, Any]:
    """Map names to layers and to operations that are no layers, such as an addition."""
    return {item.name: item for item in getattr(model, "operations", ())}


def _ancestors(model: keras.Model) -> dict[str, set[str]]:
    """Map each layer to all that its output depends on."""
    edges = _edges(model)
    found: dict[str, set[str]] = {}
    for node in _sorted(edges):
        direct = {source[0] for source in edges[node]}
        found[node[0]] = found.get(node[0], set()) | direct.union(*(found[name] for name in direct))
    return found


def _edges(model: keras.Model) -> dict[_Node, set[_Node]]:
    """Map each node to those whose outputs it takes; nothing for a network that is no graph of layers."""
    layers = model.get_config().get("layers", []) if hasattr(model, "operations") else []
    return {
        (layer["name"], index): set(_sources(call))
        for layer in layers
        for index, call in enumerate(layer.get("inbound_nodes") or [{}])
    }


def _sources(call: Any) -> Iterator[_Node]:
    """Find the tensors in the serialized arguments of a layer's call."""
    if isinstance(call, Mapping):
        if call.get("class_name") == "__keras_tensor__":
            name, index, _ = call["config"]["keras_history"]
            yield name, index
            return
        for value in call.values():
            yield from _sources(value)
    elif isinstance(call, (list, tuple)):
        for value in call:
            yield from _sources(value)


def _sorted(edges: Mapping[_Node, set[_Node]]) -> Iterator[_Node]:
    """Order nodes so that each comes after those it takes from (Kahn, 1962)."""
    waiting = {node: len(sources) for node, sources in edges.items()}
    takers: dict[_Node, list[_Node]] = {node: [] for node in edges}
    for node, sources in edges.items():
        for source in sources:
            takers[source].append(node)
    ready = [node for node, count in waiting.items() if not count]
    while ready:
        node = ready.pop()
        yield node
        for taker in takers[node]:
            waiting[taker] -= 1
            if not waiting[taker]:
                ready.append(taker)
