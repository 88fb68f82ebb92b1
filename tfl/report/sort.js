"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => sortBy(table, heads, column));
  });
}

function sortBy(table, heads, column) {
  const direction = heads[column].getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
  heads.forEach((head) => head.removeAttribute("aria-sort"));
  heads[column].setAttribute("aria-sort", direction);
  const body = table.tBodies[0];
  const groups = [];
  // A row of reasons stays below the row that it is about.
  for (const row of body.rows) {
    if (row.classList.contains("reason")) groups.at(-1).push(row);
    else groups.push([row]);
  }
  const sign = direction === "ascending" ? 1 : -1;
  const keyed = groups.map((rows) => [keyOf(rows[0].cells[column].textContent.trim()), rows]);
  keyed.sort(([first], [second]) => compare(first, second, sign));
  for (const [, rows] of keyed) body.append(...rows);
}

function keyOf(text) {
  if (text === "" || text === "–" || text === "-") return null;
  if (text === "same") return 0;
  const number = Number.parseFloat(text.replaceAll(",", ""));
  return Number.isNaN(number) ? text.toLowerCase() : number;
}

function compare(first, second, sign) {
  if (first === null || second === null) return (first === null) - (second === null);
  if (typeof first !== typeof second) return typeof first === "number" ? -1 : 1;
  return sign * (typeof first === "number" ? first - second : first.localeCompare(second));
}
