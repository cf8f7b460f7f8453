// The page is complete without this: it only adds filtering (sort.js sorts), and player.js what one listens with.
// Nothing here turns text into markup; every node is made or moved, and every word is set as text.
(() => {
  const all = (root, selector) => Array.from(root.querySelectorAll(selector));
  const { compare } = tables;

  const makeSearchable = (section) => {
    const tools = section.querySelector(".tools");
    if (!tools) return;
    tools.hidden = false;
    const list = section.querySelector(".entries");
    const entries = all(list, ".entry");
    const lines = all(section, "tr.line");
    // Read when somebody first filters: a page of a thousand prompts would otherwise open later for it.
    let words = null;
    const read = () => new Map([...entries, ...lines].map((node) => [
      node, (node.querySelector("header") || node.querySelector("th")).textContent.toLowerCase(),
    ]));
    const filter = tools.querySelector(".filter");
    const flagged = tools.querySelector(".flagged");
    const order = tools.querySelector(".order");

    const apply = () => {
      words ??= read();
      const wanted = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const [node, text] of words) {
        node.hidden = !wanted.every((word) => text.includes(word)) || (flagged.checked && !("flagged" in node.dataset));
      }
      const pool = lines.length ? lines : entries;
      const shown = pool.filter((node) => !node.hidden).length;
      tools.querySelector(".tally").textContent = shown + " of " + pool.length + " prompts";
    };
    const arrange = () => {
      const [place, direction] = order.value.split(" ");
      const value = (node) => (direction ? node.getAttribute("data-" + place) : node.dataset.place);
      const words = (a, b) => value(a).localeCompare(value(b), "en");
      const numbers = (a, b) => compare(value(a), value(b), direction === "descending" ? -1 : 1);
      list.append(...entries.slice().sort(direction === "words" ? words : numbers));
    };
    filter.addEventListener("input", apply);
    flagged.addEventListener("change", apply);
    order.addEventListener("change", arrange);
    const total = lines.length || entries.length;
    tools.querySelector(".tally").textContent = total + " of " + total + " prompts";
  };

  // A link to a prompt that the filter hides, or that lies in the closed list, must still arrive.
  const reveal = () => {
    const [place, ...rest] = location.hash.slice(1).split("?");
    const target = place ? document.getElementById(place) : null;
    const folded = target ? target.closest("details") : null;
    if (folded) folded.open = true;
    if (target) target.hidden = false;
    if (target && rest.length) target.scrollIntoView();
  };

  // A table that needs no scroller is none, so that its head can stay in sight, and is no stop of the Tab key.
  const fit = (box) => {
    box.classList.remove("fits");
    const fits = box.scrollWidth <= box.clientWidth;
    box.classList.toggle("fits", fits);
    if (fits) box.removeAttribute("tabindex"); else box.tabIndex = 0;
  };
  const sizes = new ResizeObserver((changes) => { for (const { target } of changes) fit(target); });
  for (const box of all(document, ".scroll")) sizes.observe(box);

  all(document, "section.prompts").forEach(makeSearchable);
  addEventListener("hashchange", reveal);
  reveal();
})();
