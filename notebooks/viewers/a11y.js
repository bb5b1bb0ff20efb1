// Names and announcements for screen readers. ipywidgets gives no name to a slider's
// handle and to the buttons of Play: they are copied from the label next to it, or from
// the tooltip, whenever something in the viewer changes. What has changed is announced
// once nothing has changed for a moment, not at each step of a drag.

const QUIET = 700;  // ms without a change, after which it is announced

function finish(viewer) {
  const all = selector => Array.from(viewer.querySelectorAll(selector));
  for (const slider of all(".widget-slider")) {
    const ariaLabel = slider.querySelector("label").textContent;
    const readout = slider.querySelector(".widget-readout");  // hidden, but at once
    Object.assign(slider.querySelector("[role=slider]") ?? {}, {
      ariaLabel, ariaValueText: readout.textContent });
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

// Suppress Jupyter's shortcuts of a single key, such as the arrows in Notebook 7, or d
// twice, which deletes the cell. The attribute must be there before a key is pressed.
function suppress_shortcuts({ target, ctrlKey, metaKey, shiftKey, altKey }) {
  target.toggleAttribute("data-lm-suppress-shortcuts", !(ctrlKey || metaKey || shiftKey || altKey));
}

function render({ el, signal }) {
  el.className += " visually-hidden";
  el.role = "status";
  let timer, opened = null;

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
      const now = viewer.querySelector(".opened");  // what a button opens may be below
      if (now !== opened && viewer.contains(document.activeElement))
        now?.scrollIntoView();
      opened = now;
      clearTimeout(timer);
      timer = setTimeout(announce, QUIET);
    }).observe(viewer, { subtree: true, childList: true, characterData: true,
      attributeFilter: ["aria-valuenow", "title"] });
    finish(viewer);
    for (const kind of ["focusin", "keydown", "keyup"])
      viewer.addEventListener(kind, suppress_shortcuts);
  }

  begin();
}

export default { render };
