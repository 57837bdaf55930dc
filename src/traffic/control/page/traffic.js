// The status page: asks for /v1/status once a second and draws it.
const REFRESH_MS = 1000;
const RINGS = ["home", "near", "continent", "global"];
const SUM = 10000;

const $ = (id) => document.getElementById(id);

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

const percent = (share) => share == null ? "–" : `${share > 0 && share < .0095 ? (100 * share).toFixed(1) : Math.round(100 * share)} %`;
const rate = (rps) => rps >= 100 ? Math.round(rps).toLocaleString("en") : rps.toFixed(1);

function ago(seconds) {
  if (seconds == null) return "never";
  if (seconds < 1) return "now";
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  return `${Math.round(seconds / 3600)} h ago`;
}

// The right end of every utilisation bar.
function scale(status) {
  const values = status.regions.flatMap((r) => r.report ? [r.report.utilisation_at_home, r.report.planned_utilisation] : []);
  return Math.min(1.6, Math.max(1.2, ...values.filter((u) => u != null).map((u) => u + .1)));
}

function bar(region, thresholds, most) {
  const report = region.report;
  const at = (u) => `${100 * Math.min(1, u / most)}%`;
  const made = element("div", {className: "bar"});
  const planned = report.planned_utilisation ?? most, home = report.utilisation_at_home ?? most;
  const heat = planned > thresholds[2] ? " over" : planned > thresholds[0] ? " hot" : "";
  const fill = element("div", {className: `fill${heat}`});
  fill.style.width = at(planned);
  const outline = element("div", {className: "at-home"});
  outline.style.width = at(home);
  made.append(fill, outline);
  for (const threshold of thresholds) {
    const line = element("div", {className: "line"});
    line.dataset.text = Math.round(100 * threshold);
    line.style.left = at(threshold);
    made.append(line);
  }
  if (report.measured_utilisation != null) {
    const dot = element("div", {className: "dot"});
    dot.style.left = at(report.measured_utilisation);
    made.append(dot);
  }
  made.role = "img";
  made.ariaLabel = `Load by the table ${percent(report.planned_utilisation)}, at home ${percent(report.utilisation_at_home)}, measured ${percent(report.measured_utilisation)}`;
  return made;
}

function split(region) {
  const made = element("div", {className: "split"});
  made.ariaHidden = "true";
  for (let ring = 0; ring < RINGS.length; ++ring) {
    const weight = region.row.reduce((sum, w, t) => sum + (region.rings[t] === ring ? w : 0), 0);
    if (!weight) continue;
    const piece = element("i", {className: `ring${ring}`});
    piece.style.flexGrow = weight;
    made.append(piece);
  }
  return made;
}

function inputs(region) {
  const workers = region.workers, lagging = region.gateways.filter((g) => g.lags).length;
  const parts = [`${workers.read} of ${workers.listed} workers read`];
  if (workers.draining) parts.push(`${workers.draining} draining`);
  parts.push(`gateway read ${ago(region.input_age_s)}`);
  if (lagging) parts.push(`${lagging} gateway with another table`);
  const error = region.gateways.map((g) => g.error).find((e) => e) || workers.error;
  if (error) parts.push(error);
  return parts.join(" · ");
}

function card(region, status, most) {
  const report = region.report;
  const made = element("article", {});
  made.dataset.region = region.name;
  const head = element("div", {className: "head"}, element("h3", {textContent: region.name}),
                       element("span", {className: "soft", textContent: region.continent}));
  if (report?.dead) head.append(element("span", {className: "tag", textContent: "no workers"}));
  if (report?.stale) head.append(element("span", {className: "tag", textContent: "frozen"}));
  if (report?.stuck) head.append(element("span", {className: "tag", textContent: "full"}));
  made.classList.toggle("dead", Boolean(report?.dead));
  made.classList.toggle("stale", Boolean(report?.stale));
  made.append(head);
  if (report) {
    made.append(element("p", {className: "soft"},
                        element("span", {className: "figure", textContent: `${rate(report.demand_rps)} requests/s`}),
                        ` of its users, capacity ${rate(report.capacity_rps)}`),
                bar(region, status.thresholds, most));
  }
  if (region.row) made.append(split(region), element("p", {className: "words", textContent: region.words}));
  if (region.why) made.append(element("p", {className: "why", textContent: region.why}));
  if (region.workers) made.append(element("p", {className: "soft", textContent: inputs(region)}));
  return made;
}

function matrix(status) {
  const names = status.regions.map((r) => r.name);
  const cut = new Set(status.unreachable.map(([s, t]) => `${s} ${t}`));
  const head = element("tr", {}, element("td", {className: "none"}), ...names.map((name) => element("th", {scope: "col", textContent: name})));
  head.firstChild.hidden = false;
  head.firstChild.textContent = "from ↓ to →";
  const rows = status.regions.map((region, s) => {
    const row = element("tr", {}, element("th", {scope: "row", textContent: region.name}));
    names.forEach((name, t) => {
      const weight = region.row?.[t] ?? 0, ring = Math.min(region.rings[t], 3);
      const cell = element("td", {textContent: weight ? percent(weight / SUM) : "·"});
      const admitted = region.admitted_rps?.[t];
      if (weight && admitted != null) cell.append(element("small", {textContent: `${rate(admitted)}/s`}));
      cell.classList.toggle("none", !weight);
      cell.classList.toggle("cut", cut.has(`${s} ${t}`));
      cell.style.setProperty("--hue", `var(--ring${ring})`);
      cell.style.setProperty("--depth", `${12 + Math.round(28 * Math.sqrt(weight / SUM))}%`);
      cell.title = s === t ? `${name} at home` : `${region.name} to ${name}: ${RINGS[ring]}, ${region.rtt_ms[t]} ms` + (cut.has(`${s} ${t}`) ? ", out of reach" : "");
      row.append(cell);
    });
    return row;
  });
  document.querySelector("#matrix thead").replaceChildren(head);
  document.querySelector("#matrix tbody").replaceChildren(...rows);
}

function totals(status) {
  const reports = status.regions.map((r) => r.report).filter(Boolean);
  const sum = (list, field) => list.reduce((all, r) => all + (r[field] ?? 0), 0);
  const demand = sum(reports, "demand_rps"), capacity = sum(reports, "capacity_rps");
  const away = status.regions.reduce((all, r, s) => all + (r.report && r.row ? r.report.demand_rps * (1 - r.row[s] / SUM) : 0), 0);
  const refused = status.regions.reduce((all, r) => all + (r.report ? r.report.demand_rps * (r.drop ?? 0) / 1e6 : 0), 0);
  const tile = (name, value, unit) => element("div", {}, element("dt", {textContent: name}),
                                              element("dd", {}, value, element("small", {textContent: ` ${unit}`})));
  $("totals").replaceChildren(
      tile("Demand", rate(demand), "requests/s"),
      tile("Usable capacity", rate(capacity), "requests/s"),
      tile("Demand over capacity", percent(capacity ? demand / capacity : null), ""),
      tile("Served in another region", percent(demand ? away / demand : null), ""),
      tile("Refused at the gateways", percent(demand ? refused / demand : null), ""));
}

function alarms(status) {
  const lines = status.refusals.map((r) => element("p", {}, `Held back: ${r.what}. If it is meant: `,
                                                   element("code", {textContent: `zoetrope traffic allow ${r.id}`})));
  if (status.lease_error) lines.push(element("p", {textContent: `Nothing is published: ${status.lease_error}`}));
  for (const [s, t] of status.unreachable) {
    lines.push(element("p", {textContent: `${status.regions[s].name} does not reach ${status.regions[t].name}`}));
  }
  $("alarms").replaceChildren(...lines);
  $("alarms").hidden = lines.length === 0;
}

function say(text, fine) {
  if ($("state").textContent !== text) $("state").textContent = text;  // read aloud once
  $("state").className = fine ? "fine" : "bad";
}

function state(status) {
  if (status.epoch_age_s > 3 * status.epoch_s) return say("No epoch for a while", false);
  if (status.waiting) return say(status.leads ? "Waiting for a first full scrape" : `Follows ${status.leader || "nobody"}`, !status.leads && status.leader !== "");
  say("Publishing", true);
}

function draw(status) {
  const published = status.published_age_s == null ? "from the disk" : `published ${ago(status.published_age_s)}`;
  $("facts").textContent = `Epoch ${status.epoch}, ${ago(status.epoch_age_s)} · ` +
      (status.version ? `table ${status.version}, ${published}` : "no table yet");
  state(status);
  alarms(status);
  totals(status);
  const most = scale(status);
  $("regions").replaceChildren(...status.regions.map((region) => card(region, status, most)));
  matrix(status);
  $("decisions").replaceChildren(...status.events.slice(0, 30).map((event) => element("li", {},
      element("span", {className: "soft", textContent: ago(event.age_s)}),
      element("span", {className: "soft", textContent: event.version ? `№ ${event.version}` : ""}),
      element("span", {textContent: event.words}))));
}

async function refresh() {
  try {
    const answer = await fetch("/v1/status", {signal: AbortSignal.timeout(5000)});
    if (!answer.ok) throw new Error(`answered ${answer.status}`);
    draw(await answer.json());
  } catch {
    say("The manager does not answer; gateways keep their last table", false);
  }
  setTimeout(refresh, REFRESH_MS);
}

refresh();
