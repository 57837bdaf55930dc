// Small helpers around the document.

export const $ = (id) => document.getElementById(id);

export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// The message beside a field, and the field marked; an empty message takes both away.
export function fieldError(name, message) {
  const place = $(name + "-error"), control = $(name === "picture" ? "file" : name);
  place.textContent = message.replace(/^\w+: /, "");  // the server's begin with the field's name
  place.hidden = !message;
  if (message) control.setAttribute("aria-invalid", "true");
  else control.removeAttribute("aria-invalid");
}

// Told to a screen reader, seen by nobody.
export function announce(text) {
  $("status").textContent = text;
}

// Cancellable wait.
export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => { clearTimeout(timer); reject(signal.reason); }, {once: true});
  });
}
