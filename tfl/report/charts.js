{
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  // The marks have their text as labels, so it would be read twice.
  tip.ariaHidden = "true";
  document.body.append(tip);
  let shown = null;
  let leaving = 0;

  const keyed = new Map();
  for (const item of document.querySelectorAll("[data-key]")) {
    keyed.set(item.dataset.key, [...(keyed.get(item.dataset.key) ?? []), item]);
    item.addEventListener("pointerenter", () => light(item.dataset.key, true));
    item.addEventListener("pointerleave", () => light(item.dataset.key, false));
  }

  for (const chart of document.querySelectorAll("svg.chart")) {
    const marks = [...chart.querySelectorAll(".mark")];
    if (!marks.length) continue;
    // From one picture to a group of things, of which one at a time is in the order of the tabulator.
    chart.setAttribute("role", "group");
    chart.querySelector(".drawing").ariaHidden = "true";
    marks.forEach((mark, index) => {
      const title = mark.querySelector("title");
      mark.setAttribute("role", "img");
      mark.setAttribute("aria-label", title.textContent);
      mark.setAttribute("tabindex", index ? "-1" : "0");
      // The browser would show it a second time, and late.
      title.remove();
      mark.addEventListener("pointerenter", () => show(mark));
      mark.addEventListener("pointerleave", leave);
      mark.addEventListener("focus", () => {
        for (const other of marks) other.setAttribute("tabindex", other === mark ? "0" : "-1");
        show(mark);
        if (mark.dataset.key) light(mark.dataset.key, true);
      });
      mark.addEventListener("blur", () => {
        hide();
        if (mark.dataset.key) light(mark.dataset.key, false);
      });
    });
    chart.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -marks.length, End: marks.length };
      const now = marks.indexOf(event.target);
      if (!(event.key in step) || now < 0) return;
      event.preventDefault();
      marks[Math.min(Math.max(now + step[event.key], 0), marks.length - 1)].focus();
    });
  }
  tip.addEventListener("pointerenter", () => clearTimeout(leaving));
  tip.addEventListener("pointerleave", leave);
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  document.addEventListener("pointerdown", (event) => event.target.closest(".mark, .tip") ?? hide());
  addEventListener("scroll", place, { capture: true, passive: true });
  addEventListener("resize", place);

  function light(key, on) {
    for (const item of keyed.get(key)) item.classList.toggle("lit", on);
  }

  function show(mark) {
    clearTimeout(leaving);
    shown = mark;
    tip.textContent = mark.getAttribute("aria-label");
    tip.hidden = false;
    place();
  }

  // The way from the mark to the tip takes a moment.
  function leave() {
    leaving = setTimeout(hide, 200);
  }

  function hide() {
    clearTimeout(leaving);
    shown = null;
    tip.hidden = true;
  }

  function place() {
    if (!shown) return;
    const gap = 6;
    const mark = shown.getBoundingClientRect();
    const size = tip.getBoundingClientRect();
    const left = mark.left + mark.width / 2 - size.width / 2;
    const above = mark.top - size.height - gap;
    const top = above >= gap ? above : Math.min(mark.bottom + gap, innerHeight - size.height - gap);
    tip.style.left = `${Math.min(Math.max(left, gap), Math.max(document.documentElement.clientWidth - size.width - gap, gap))}px`;
    tip.style.top = `${Math.max(top, gap)}px`;
  }
}
