// Names and announcements for screen readers. ipywidgets gives no name to a slider's handle
// and to the buttons of Play: label or tooltip are copied whenever the viewer changes. What
// has changed is announced once nothing has for a moment, not at each step of a drag.

const QUIET = 700;  // ms without a change, after which it is announced

function finish(viewer) {
  const all = selector => Array.from(viewer.querySelectorAll(selector));
  for (const slider of all(".widget-slider")) {
    const ariaLabel = slider.querySelector("label").textContent;
    const ariaValueText = slider.querySelector(".widget-readout").textContent;  // it is hidden
    Object.assign(slider.querySelector("[role=slider]") ?? {}, { ariaLabel, ariaValueText });
    for (const box of slider.parentElement.querySelectorAll(".dial-value input"))
      box.ariaLabel = `${ariaLabel}, typed`;
  }
  for (const one of all("[title=null]")) one.removeAttribute("title");
  for (const note of all(".input-error")) note.role = "alert";
  for (const play of all(".widget-play"))
    play.querySelectorAll("button").forEach((button, k) => {
      button.ariaLabel = play.title + ["", ": stop and go back", ": over and over"][k];
    });
}

// Suppress Jupyter's shortcuts, such as x, which cuts the cell, but not Ctrl+S or Shift+Enter.
function suppress_shortcuts({ target, key, ctrlKey, metaKey, altKey }) {
  if (target.closest?.(".viewer")) target.toggleAttribute("data-lm-suppress-shortcuts",
    !(ctrlKey || metaKey || altKey || key === "Enter"));
}

function render({ el, signal }) {
  el.className += " visually-hidden";
  el.role = "status";
  let timer, opener, opened = null, training = null;

  function begin() {
    const viewer = el.closest(".viewer");
    if (!viewer) return signal.aborted || requestAnimationFrame(begin);  // not on the page
    const announce = () => {
      const all = Array.from(viewer.querySelectorAll(".announced"), one => one.textContent);
      if (el.textContent !== all.join(" ")) el.textContent = all.join(" ");
    };
    new MutationObserver(changes => {
      if (changes.every(({ target }) => el.contains(target))) return;
      finish(viewer);
      const [now, progress] = [".opened", "progress"].map(one => viewer.querySelector(one));
      if (viewer.contains(document.activeElement)) {  // what a click began may not be seen
        if (now !== opened) now?.scrollIntoView();
        if (now !== opened) opener = document.activeElement;
        if (!training) progress?.scrollIntoView({ block: "nearest" });
      } else if (opened && !now) opener?.focus();  // the button that closed it is gone
      [opened, training] = [now, progress];
      clearTimeout(timer);
      timer = setTimeout(announce, QUIET);
    }).observe(viewer, { subtree: true, childList: true, characterData: true,
      attributeFilter: ["aria-valuenow", "title"] });
    finish(viewer);
    addEventListener("keydown", suppress_shortcuts, { capture: true, signal });  // before Jupyter
    viewer.addEventListener("keydown", ({ key, target }) => {  // noUiSlider has its first end
      if (key === "End") target.closest(".noUi-target")?.noUiSlider.set(target.ariaValueMax);
    });
  }

  begin();
}

export default { render };
