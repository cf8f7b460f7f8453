"use strict";
// Light, dark, or as the machine has it: kept for the next page where the browser keeps anything for pages of files.
(() => {
  const KEY = "evalkit-theme", THEMES = ["auto", "light", "dark"];

  const kept = () => {
    try { return localStorage.getItem(KEY); } catch { return null; }
  };
  const keep = (theme) => {
    try { localStorage.setItem(KEY, theme); } catch { /* it holds for this page alone */ }
  };
  const wear = (theme) => {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  };

  const label = document.querySelector(".theme");
  const select = label.querySelector("select");
  const theme = THEMES.includes(kept()) ? kept() : "auto";
  label.hidden = false;
  select.value = theme;
  wear(theme);
  select.addEventListener("change", () => { wear(select.value); keep(select.value); });
})();
