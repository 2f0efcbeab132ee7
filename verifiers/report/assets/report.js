// Search and filters; without this script every page shows all that it has.
"use strict";
(() => {
  const form = document.querySelector("form[data-filter]");
  const search = document.getElementById("search");
  const shown = document.getElementById("shown");
  const items = [...document.querySelectorAll("[data-t]")];

  function apply() {
    const words = (search ? search.value : "").toLowerCase().split(/\s+/).filter(Boolean);
    const kinds = [...form.querySelectorAll("input[name=kind]:checked")].map((box) => box.value);
    const costly = form.querySelector("input[name=costly]:checked");
    let count = 0;
    for (const item of items) {
      const text = item.dataset.t;
      const fits =
        words.every((word) => text.includes(word)) &&
        (!kinds.length || kinds.includes(item.dataset.k)) &&
        (!costly || "costly" in item.dataset);
      item.classList.toggle("away", !fits);
      count += fits;
    }
    for (const row of document.querySelectorAll(".matrix tbody tr")) {
      row.hidden = !row.querySelector("[data-t]:not(.away)");
    }
    for (const section of document.querySelectorAll(".arch")) {
      section.hidden = !section.querySelector("[data-t]:not(.away)");
    }
    const active = words.length || kinds.length || costly;
    shown.textContent = active ? `${count.toLocaleString("en")} of ${items.length.toLocaleString("en")} shown` : "";
    const state = new URLSearchParams();
    if (words.length) state.set("q", words.join(" "));
    if (kinds.length) state.set("k", kinds.join(","));
    if (costly) state.set("costly", "1");
    if (active || location.hash.startsWith("#?")) {
      history.replaceState(null, "", active ? `#?${state}` : location.pathname + location.search);
    }
  }

  function restore() {
    if (!location.hash.startsWith("#?")) return;
    const state = new URLSearchParams(location.hash.slice(2));
    if (search) search.value = state.get("q") || "";
    const kinds = (state.get("k") || "").split(",");
    for (const box of form.querySelectorAll("input[name=kind]")) box.checked = kinds.includes(box.value);
    const costly = form.querySelector("input[name=costly]");
    if (costly) costly.checked = state.has("costly");
    apply();
  }

  if (form) {
    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    restore();
    window.addEventListener("hashchange", restore);
    document.addEventListener("keydown", (event) => {
      const typing = event.target.matches("input[type=search], textarea");
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && search) {
        event.preventDefault();
        search.focus();
      } else if (event.key === "Escape" && typing) {
        search.value = "";
        apply();
        search.blur();
      }
    });
  }

  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", () => {
      const range = document.createRange();
      range.selectNodeContents(document.getElementById(button.dataset.copy));
      const selection = getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      document.execCommand("copy"); // also where navigator.clipboard is not: file://
      button.textContent = "copied";
    });
  }

  for (const time of document.querySelectorAll("time[data-age]")) {
    const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
    if (seconds >= 0) {
      time.textContent =
        seconds < 5400
          ? `${Math.round(seconds / 60)} min`
          : seconds < 172800
            ? `${Math.round(seconds / 3600)} h`
            : `${Math.round(seconds / 86400)} d`;
    }
  }
})();
