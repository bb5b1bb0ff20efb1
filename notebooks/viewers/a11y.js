// Names and announcements for screen readers. ipywidgets gives no name to a slider's
// handle and to the buttons of Play: they are copied from the label next to it, or from
// the tooltip, whenever something in the viewer changes. What has changed is announced
// once nothing has changed for a moment, not at each step of a drag.

const QUIET = 700;  // ms without a change, after which it is announced

function finish(viewer) {
  const set = (element, name, value) => {
    if (element && element.getAttribute(name) !== value) element.setAttribute(name, value);
  };
  for (const slider of viewer.querySelectorAll(".widget-slider")) {
    const handle = slider.querySelector("[role=slider]");
    const readout = slider.querySelector(".widget-readout");  // hidden, but at once
    const label = slider.querySelector("label").textContent;
    const box = slider.parentElement.querySelector(".dial-value input");
    set(handle, "aria-label", label);
    set(box, "aria-label", `${label}, typed`);
    set(handle, "aria-valuetext", readout.textContent);
  }
  for (const one of viewer.querySelectorAll("[title=null]")) one.removeAttribute("title");
  for (const note of viewer.querySelectorAll(".input-error")) set(note, "role", "alert");
  for (const play of viewer.querySelectorAll(".widget-play"))
    play.querySelectorAll("button").forEach((button, k) => set(button, "aria-label",
      play.title + ["", ": stop and go back", ": over and over"][k]));
  for (const bar of viewer.querySelectorAll(".widget-hprogress")) {
    set(bar.querySelector(".progress"), "role", "progressbar");
    set(bar.querySelector(".progress"), "aria-label", bar.textContent.trim());
  }
}

// Suppress Jupyter's shortcuts of a single key, such as the arrows in Notebook 7, or d
// twice, which deletes the cell. The attribute must be there before a key is pressed.
function suppress_shortcuts({ target, ctrlKey, metaKey, shiftKey, altKey }) {
  target.toggleAttribute("data-lm-suppress-shortcuts",
    !(ctrlKey || metaKey || shiftKey || altKey));
}

function render({ el }) {
  el.className += " visually-hidden";
  el.setAttribute("role", "status");
  const over = new AbortController();
  let observer, timer, opened = null;

  function begin() {
    const viewer = el.closest(".viewer");
    if (!viewer) {  // not on the page yet
      timer = requestAnimationFrame(begin);
      return;
    }
    const announce = () => {
      const words = Array.from(viewer.querySelectorAll(".announced"), one => one.textContent);
      if (el.textContent !== words.join(" ")) el.textContent = words.join(" ");
    };
    observer = new MutationObserver(changes => {
      if (changes.every(({ target }) => el.contains(target))) return;
      finish(viewer);
      const now = viewer.querySelector(".opened");  // what a button opens may be below
      if (now !== opened && viewer.contains(document.activeElement))
        now?.scrollIntoView();
      opened = now;
      clearTimeout(timer);
      timer = setTimeout(announce, QUIET);
    });
    finish(viewer);
    for (const kind of ["focusin", "keydown", "keyup"])
      viewer.addEventListener(kind, suppress_shortcuts, { signal: over.signal });
    observer.observe(viewer, {
      subtree: true, childList: true, characterData: true,
      attributes: true, attributeFilter: ["aria-valuenow", "title"],
    });
  }

  begin();
  return () => {
    cancelAnimationFrame(timer);
    clearTimeout(timer);
    observer?.disconnect();
    over.abort();
  };
}

export default { render };
