// Keeps an open page fresh, and forms from being sent twice. Without it every page works the same, only not by itself.
"use strict";

(() => {
  const body = document.body;
  const note = document.getElementById("live-note");
  let seen = null;
  let waiting = false;
  let last = 0;
  const REST = 5000; // at most one refresh in so many milliseconds

  const busy = () => {
    const active = document.activeElement;
    const typing = active && ["INPUT", "TEXTAREA", "SELECT"].includes(active.tagName) && active.type !== "hidden";
    return typing || document.querySelector("details[open] form, dialog[open]") !== null;
  };

  const postpone = () => {
    waiting = true;
    note.textContent = "News: shown when you have finished here.";
  };

  // What finds an element again in the page as it is now: the id, else what it is, where it leads and what it says, and
  // which of several such it is. Who goes by keyboard keeps their place.
  const alike = (main, element) => [...main.querySelectorAll(element.tagName)].filter((other) =>
    other.getAttribute("href") === element.getAttribute("href") && other.textContent === element.textContent);

  const again = (main, focused, place) => {
    if (!focused) return null;
    if (focused.id) return document.getElementById(focused.id);
    const found = alike(main, focused);
    return found[Math.min(place, found.length - 1)] || null;
  };

  const refresh = async () => {
    if (busy()) {
      postpone();
      return;
    }
    if (Date.now() - last < REST) {
      if (!waiting) setTimeout(refresh, REST);
      waiting = true;
      return;
    }
    waiting = false;
    last = Date.now();
    const answer = await fetch(location.href, { headers: { "X-Refresh": "1" } });
    if (!answer.ok || answer.redirected) {
      location.reload();
      return;
    }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (busy()) { // somebody began to write while the answer was on its way
      postpone();
      return;
    }
    const done = document.querySelector("p.done"); // what the visitor just did stays said
    if (done && !fresh.querySelector("p.done")) fresh.getElementById("main").prepend(done.cloneNode(true));
    const main = document.getElementById("main");
    const focused = main.contains(document.activeElement) ? document.activeElement : null;
    const place = focused ? alike(main, focused).indexOf(focused) : -1;
    main.replaceWith(fresh.getElementById("main"));
    const found = again(document.getElementById("main"), focused, place);
    if (found) found.focus({ preventScroll: true });
    const now = new Date();
    note.textContent = `Up to date at ${now.toTimeString().slice(0, 5)}`;
    document.dispatchEvent(new CustomEvent("graftwatch:refreshed"));
  };

  if (body.dataset.live && note) {
    const source = new EventSource(body.dataset.live);
    source.addEventListener("change", (event) => {
      if (seen !== null && seen !== event.data) refresh();
      else note.textContent = "Live";
      seen = event.data;
    });
    source.onerror = () => { note.textContent = "Not live: the connection is lost, trying again."; };
    const later = () => { if (waiting) setTimeout(() => { if (waiting) refresh(); }, 400); };
    document.addEventListener("focusout", later);
    document.addEventListener("toggle", later, true); // a form was folded away
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.dataset.sent) {
      if (form.dataset.sent) event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });
})();
