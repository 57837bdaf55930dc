// The API page: /openapi.json as something to read.

import {$, make} from "./dom.js";

const METHODS = ["get", "post", "put", "patch", "delete"];
let api = null;

// A schema or whatever else behind its $ref.
function resolve(node) {
  for (let depth = 0; node?.$ref && depth < 8; ++depth) {
    node = node.$ref.split("/").slice(1).reduce((at, key) => at?.[key.replaceAll("~1", "/").replaceAll("~0", "~")], api);
  }
  return node ?? {};
}

function typeOf(schema) {
  const s = resolve(schema);
  if (s.enum) return s.enum.map((value) => JSON.stringify(value)).join(" or ");
  if ("const" in s) return JSON.stringify(s.const);
  const either = s.oneOf ?? s.anyOf;
  if (either) return either.map(typeOf).join(" or ");
  if (s.allOf) return s.allOf.map(typeOf).join(" and ");
  if (s.type === "array") return `list of ${typeOf(s.items)}`;
  if (s.format === "binary") return "file";
  const type = Array.isArray(s.type) ? s.type.join(" or ") : s.type ?? "any";
  const low = s.minimum ?? s.exclusiveMinimum, high = s.maximum ?? s.exclusiveMaximum;
  if (low !== undefined && high !== undefined) return `${type}, ${low} to ${high}`;
  if (low !== undefined) return `${type}, ${low} or more`;
  return type;
}

function fieldsOf(schema) {
  const s = resolve(schema), must = new Set(s.required ?? []), fields = [];
  for (const part of s.allOf ?? []) fields.push(...fieldsOf(part));
  for (const [name, inner] of Object.entries(s.properties ?? {})) fields.push({name, schema: inner, must: must.has(name)});
  return fields;
}

// Text with `code` in it, as nodes.
function prose(text) {
  return text.split("`").map((part, i) => i % 2 ? make("code", {textContent: part}) : part);
}

const sentence = (text) => !text || /[.!?:]$/.test(text) ? text : text + ".";

function table(rows) {
  const body = make("tbody");
  for (const {name, schema, must, description} of rows) {
    const s = resolve(schema);
    let words = description ?? s.description ?? "";
    if (s.default !== undefined) words = `${sentence(words)} Without it: \`${JSON.stringify(s.default)}\`.`.trim();
    body.append(make("tr", {}, make("th", {scope: "row"}, make("code", {textContent: name}), must ? make("span", {className: "must", textContent: " required"}) : ""),
                     make("td", {textContent: typeOf(schema)}), make("td", {}, ...prose(words))));
  }
  return make("div", {className: "scroll"}, make("table", {}, body));
}

function bodies(content) {
  const parts = [];
  for (const [type, {schema}] of Object.entries(content ?? {})) {
    parts.push(make("h3", {}, "Body, ", make("code", {textContent: type})));
    const fields = fieldsOf(schema);
    parts.push(fields.length ? table(fields) : make("p", {textContent: typeOf(schema)}));
  }
  return parts;
}

function answers(responses) {
  const rows = Object.entries(responses ?? {}).map(([status, answer]) => {
    const a = resolve(answer);
    return {name: status, schema: {type: Object.keys(a.content ?? {}).join(", ") || "nothing"}, description: a.description};
  });
  return [make("h3", {textContent: "Answers"}), table(rows)];
}

function curl(path, method, operation) {
  const words = [`curl ${location.origin}${path.replaceAll(/\{(\w+)\}/g, (_, name) => name.toUpperCase())}`];
  if (method !== "get" && method !== "post") words.push(`-X ${method.toUpperCase()}`);
  const content = resolve(operation.requestBody).content ?? {};
  const form = content["multipart/form-data"];
  if (form) {
    for (const {name, schema, must} of fieldsOf(form.schema)) {
      const file = resolve(schema).format === "binary";
      if (must || file) words.push(`-F ${name}=${file ? "@picture.png" : "'a rocket taking off'"}`);
    }
  } else if (content["application/json"]) {
    words.push(`--json '{"prompt": "a rocket taking off"}'`);
  } else if (method === "post") {
    words.push("-X POST");
  }
  return make("pre", {tabIndex: 0}, make("code", {textContent: words.join(" \\\n  ")}));
}

function show(path, method, operation, shared) {
  const id = `${method}${path.replaceAll(/[^\w]+/g, "-")}`;
  const parameters = [...shared, ...(operation.parameters ?? [])].map(resolve);
  const badge = () => make("span", {className: `method ${method}`, textContent: method.toUpperCase()});
  const article = make("article", {className: "operation card", id},
                       make("h2", {}, badge(), path), make("p", {}, ...prose(sentence(operation.summary ?? ""))));
  if (operation.description) article.append(make("p", {className: "soft"}, ...prose(operation.description)));
  if (parameters.length) {
    article.append(make("h3", {textContent: "Parameters"}),
                   table(parameters.map((one) => ({...one, must: one.required}))));
  }
  article.append(...bodies(resolve(operation.requestBody).content), ...answers(operation.responses),
                 make("h3", {textContent: "Example"}), curl(path, method, operation));
  $("operations").append(article);
  return make("a", {href: "#" + id}, badge(), path);
}

async function start() {
  try {
    const response = await fetch("/openapi.json");
    if (!response.ok) throw new Error(`/openapi.json: the server answered ${response.status}.`);
    api = await response.json();
  } catch (error) {
    $("problem").textContent = error.message;
    $("problem").hidden = false;
    return;
  }
  $("version").textContent = api.info?.version ? `version ${api.info.version}` : "";
  $("about").append(...prose(api.info?.description ?? ""));
  const groups = new Map();
  for (const [path, item] of Object.entries(api.paths ?? {})) {
    for (const method of METHODS.filter((name) => item[name])) {
      const group = item[method].tags?.[0] ?? "operations";
      if (!groups.has(group)) groups.set(group, []);
      groups.get(group).push([path, method, item[method], item.parameters ?? []]);
    }
  }
  for (const [name, operations] of groups) {
    $("contents").append(make("h2", {textContent: name}), ...operations.map((one) => show(...one)));
  }
  $(location.hash.slice(1))?.scrollIntoView();
}
start();
