"use strict";
// Tables that can be sorted by their heads. It stands behind the first table, which can be sorted before megabytes of
// sound have been read; the other tables follow when they are there.
const tables = (() => {
  const all = (root, selector) => Array.from(root.querySelectorAll(selector));
  const announce = (text) => { document.getElementById("announce").textContent = text; };

  // Numbers in the wanted direction; rows without one always last; equal ones keep their order.
  const compare = (a, b, sign) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    return sign * (Number(a) - Number(b));
  };

  const sortTable = (table, head, direction) => {
    const column = head.dataset.column;
    const value = (row) => all(row, "[data-column]").find((cell) => cell.dataset.column === column).dataset.value;
    const sign = direction === "descending" ? -1 : 1;
    const body = table.tBodies[0];
    body.append(...Array.from(body.rows).sort((a, b) => compare(value(a), value(b), sign)));
    for (const other of all(table, "thead th")) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", direction);
    announce("Sorted by " + head.textContent.trim().replace(/\s+/g, " ") + ", " + direction);
  };

  const makeSortable = (table) => {
    for (const head of all(table, "thead th[data-column]")) {
      const button = document.createElement("button");
      button.type = "button";
      button.title = "Sort by this column";
      if (head.dataset.column === "run") {
        const label = document.createElement("span");
        label.className = "plain-head";
        label.append(...head.childNodes);
        button.append(label);
      } else {
        button.append(...head.childNodes);
      }
      head.append(button);
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const turned = now === "ascending" ? "descending" : "ascending";
        sortTable(table, head, now ? turned : head.dataset.first);
      });
    }
  };

  const ready = () => {
    for (const table of all(document, "table[data-sortable]")) if (!table.querySelector("thead button")) makeSortable(table);
  };
  ready();
  document.addEventListener("DOMContentLoaded", ready);
  return { compare };
})();
