// Names for what ipywidgets leaves without, and announcements, both for screen readers.

const QUIET = 700;  // ms without a change, after which it is announced: not at each of a drag

function finish(viewer) {
  const all = selector => Array.from(viewer.querySelectorAll(selector));
  for (const slider of all(".widget-slider")) {
    const [label, readout] = slider.querySelectorAll("label, .widget-readout");  // it is hidden
    const ariaLabel = label.textContent, box = slider.parentElement.querySelector("input");
    const ariaValueText = box?.value === "–" ? "–" : readout.textContent;
    Object.assign(slider.querySelector("[role=slider]") ?? {}, { ariaLabel, ariaValueText });
    if (box) box.ariaLabel = `${ariaLabel}, typed`;
  }
  for (const one of all("[title=null]")) one.removeAttribute("title");
  for (const note of all(".input-error")) note.role = "alert";
  for (const play of all(".widget-play"))
    play.querySelectorAll("button").forEach((button, k) => {
      button.ariaLabel = play.title + ["", ": stop and go back", ": over and over"][k];
      if (k !== 1) button.ariaPressed = button.matches(".mod-active, :has(.fa-pause)");
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
    new MutationObserver(changes => {
      if (changes.every(({ target }) => el.contains(target))) return;
      finish(viewer);
      const [now, progress] = [".opened", "progress"].map(one => viewer.querySelector(one));
      if (viewer.contains(document.activeElement)) {  // what a click began may not be seen
        if (now && now !== opened) {
          opener = document.activeElement;
          Object.assign(now, { tabIndex: -1 }).focus();
          now.scrollIntoView();
        }
        if (!training) progress?.scrollIntoView({ block: "nearest" });
        if (document.activeElement.disabled) viewer.querySelector("select")?.focus();  // Stop
      } else if (opened && !now) opener?.focus();  // the button that closed it is gone
      [opened, training] = [now, progress];
      clearTimeout(timer);
      timer = setTimeout(() => {
        const all = Array.from(viewer.querySelectorAll(".announced"), one => one.textContent);
        if (el.textContent !== all.join(" ")) el.textContent = all.join(" ");
      }, QUIET);
    }).observe(viewer, { subtree: true, childList: true, characterData: true,
      attributeFilter: ["aria-valuenow", "class", "disabled", "title"] });
    finish(viewer);
    addEventListener("keydown", suppress_shortcuts, { capture: true, signal });  // before Jupyter
    // noUiSlider keeps its first end; and its place is chosen without a move if none was.
    viewer.onkeydown = viewer.onclick = ({ key, target, defaultPrevented }) => {
      const dial = target.closest(".widget-slider")?.parentElement;
      const box = dial?.querySelector("input");
      if (key === "End") target.closest(".noUi-target")?.noUiSlider.set(target.ariaValueMax);
      if (box?.value !== "–" || (key && !defaultPrevented)) return;
      box.value = dial.querySelector(".widget-readout").textContent;
      box.dispatchEvent(new Event("change", { bubbles: true }));
    };
  }

  begin();
}

export default { render };
