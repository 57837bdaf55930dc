#include "traffic/fleet/plan_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "traffic/fleet/figure_svg.h"
#include "traffic/fleet/page.h"

namespace zoetrope::traffic::fleet {
namespace {

std::string saving(int gpus, int of) {
  return fmt::format("{:+.1f} %", 100.0 * (gpus - of) / std::max(1, of));
}

std::string verdict(const PlanReport& report) {
  const PlanCheck& check = report.check;
  const std::string added =
      check.added > 0 ? fmt::format(", {:.1f} % beyond the model's", 100 * check.added) : "";
  return fmt::format(
      "Simulated busiest hour ({:02}:00 UTC, {} runs, {:.3g} jobs{}): success {:.4f}, with {:.4g} "
      "% "
      "confidence at least {:.4f}; {:.1f} % at home, worst region {:.4f}, 99 % wait less than "
      "{:.2f} s. {}",
      report.plan.busiest_hour, check.seeds, static_cast<double>(check.jobs), added, check.success,
      100 * report.confidence, check.lower_bound, 100 * check.home_share, check.worst_region,
      check.overhead_p99_s,
      check.confirmed ? "Confirmed." : "NOT confirmed: the target is out of reach.");
}

std::string assumptions(const PlanReport& report) {
  const GatewayOptions& gateway = report.options.gateway;
  const std::string search = gateway.search == Search::kFullScan
                                 ? "every worker seen"
                                 : fmt::format("{} workers looked at a try", gateway.choices);
  std::string spike;
  if (report.options.spike.factor != 1) {
    spike = fmt::format(", {:g} times as much at {:02}:00 UTC", report.options.spike.factor,
                        report.plan.spike_hour);
  }
  return fmt::format(
      "{:.3g} s a job ({}), demand {:g} times the forecast{}; {} retries, {}: a GPU may be busy "
      "{:.1f} % of the time for a success of {:g}.",
      report.service.mean_s, report.service.source, report.options.growth, spike, gateway.retries,
      search, 100 * report.plan.usable, report.options.target);
}

Figure by_way(const Plan& plan) {
  Figure figure;
  figure.id = "plan_gpus";
  figure.title = "GPUs, by how regions help each other";
  figure.bars = {{"every region on its own", static_cast<double>(plan.alone)},
                 {"shared, all peaks in one hour", static_cast<double>(plan.shared_one_clock)},
                 {"shared, with time zones", static_cast<double>(plan.shared)}};
  return figure;
}

Figure by_hour(const Plan& plan) {
  Figure figure;
  figure.id = "plan_hours";
  figure.title = "GPUs needed and free, hour by hour";
  figure.x_label = "hour, UTC";
  figure.y_label = "GPUs of the shared fleet";
  Line needed{"needed", {}, {}}, free{"free for other work", {}, {}};
  for (size_t h = 0; h < 24; ++h) {
    needed.x.push_back(static_cast<double>(h));
    needed.y.push_back(plan.needed[h]);
    free.x.push_back(static_cast<double>(h));
    free.y.push_back(plan.free_at(h));
  }
  figure.lines = {needed, free};
  figure.levels = {{"fleet", static_cast<double>(plan.shared)}};
  figure.y_low = 0;
  return figure;
}

Figure by_region(const PlanReport& report) {
  constexpr size_t kMost = 6;
  Figure figure;
  figure.id = "plan_demand";
  figure.title = "demand of the largest regions";
  figure.x_label = "hour, UTC";
  figure.y_label = "jobs a second, growth and spike included";
  std::vector<size_t> order;
  for (size_t r = 0; r < report.plan.regions.size(); ++r) order.push_back(r);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return report.plan.regions[a].peak_rps > report.plan.regions[b].peak_rps;
  });
  order.resize(std::min(kMost, order.size()));
  for (const size_t r : order) {
    Line line{report.plan.regions[r].name, {}, {}};
    for (size_t h = 0; h < 24; ++h) {
      line.x.push_back(static_cast<double>(h));
      line.y.push_back(report.plan.demand[r][h]);
    }
    figure.lines.push_back(line);
  }
  figure.y_low = 0;
  return figure;
}

Figure by_assumption(const Plan& plan) {
  Figure figure;
  figure.id = "plan_assumptions";
  figure.title = "GPUs, if one assumption were otherwise";
  figure.bars.push_back({"as planned", static_cast<double>(plan.shared)});
  for (const Sensitivity& s : plan.sensitivities) {
    figure.bars.push_back({s.assumption, static_cast<double>(s.gpus)});
  }
  return figure;
}

}  // namespace

std::string plan_text(const PlanReport& report) {
  const Plan& plan = report.plan;
  std::string text = assumptions(report) + "\n\n";
  text += fmt::format("{:<18}{:>12}{:>10}{:>10}{:>10}\n", "region", "peak/s", "at UTC", "alone",
                      "shared");
  for (const RegionPlan& region : plan.regions) {
    text += fmt::format("{:<18}{:>12.1f}{:>7}:00{:>10}{:>10}\n", region.name, region.peak_rps,
                        region.peak_hour, region.alone, region.shared);
  }
  text += fmt::format("{:<18}{:>22}{:>10}{:>10}  {}\n", "all", "", plan.alone, plan.shared,
                      saving(plan.shared, plan.alone));
  text += fmt::format("Shared without the time zones: {}, {}.\n\n", plan.shared_one_clock,
                      saving(plan.shared_one_clock, plan.alone));
  text += "Free for other work by UTC hour:\n";
  for (size_t h = 0; h < 24; ++h) {
    text += fmt::format("{:>4}:00{:>7}{}", h, plan.free_at(h), h % 6 == 5 ? "\n" : "");
  }
  text += fmt::format("\nWhat the plan rests on, most first; it would take\n");
  for (const Sensitivity& s : plan.sensitivities) {
    text += fmt::format("{:>8} GPUs ({:+.1f} %) if {}\n", s.gpus, 100 * s.change, s.assumption);
  }
  return text + "\n" + verdict(report) + "\n";
}

nlohmann::json plan_json(const PlanReport& report) {
  const Plan& plan = report.plan;
  nlohmann::json regions = nlohmann::json::array(), changes = nlohmann::json::array();
  for (size_t r = 0; r < plan.regions.size(); ++r) {
    const RegionPlan& region = plan.regions[r];
    regions.push_back({{"name", region.name},
                       {"peak_per_s", region.peak_rps},
                       {"peak_hour_utc", region.peak_hour},
                       {"gpus_alone", region.alone},
                       {"gpus_shared", region.shared},
                       {"knee_per_s", region.shared * plan.usable / report.service.mean_s},
                       {"demand_per_s", plan.demand[r]}});
  }
  for (const Sensitivity& s : plan.sensitivities) {
    changes.push_back({{"assumption", s.assumption}, {"gpus", s.gpus}, {"change", s.change}});
  }
  std::vector<int> free;
  for (size_t h = 0; h < 24; ++h) free.push_back(plan.free_at(h));
  const PlanCheck& check = report.check;
  return {{"service_s", report.service.mean_s},
          {"service_variation", report.service.variation},
          {"usable_share", plan.usable},
          {"target", report.options.target},
          {"gpus",
           {{"alone", plan.alone},
            {"shared_one_clock", plan.shared_one_clock},
            {"shared", plan.shared}}},
          {"busiest_hour_utc", plan.busiest_hour},
          {"regions", regions},
          {"free_by_hour_utc", free},
          {"dominant_assumption", plan.sensitivities.front().assumption},
          {"sensitivities", changes},
          {"simulated",
           {{"confirmed", check.confirmed},
            {"confidence", report.confidence},
            {"success", check.success},
            {"lower_bound", check.lower_bound},
            {"worst_region", check.worst_region},
            {"home_share", check.home_share},
            {"overhead_p99_s", check.overhead_p99_s},
            {"alone_success", check.alone_success},
            {"added", check.added},
            {"seeds", check.seeds},
            {"jobs", check.jobs}}}};
}

std::string plan_page(const PlanReport& report) {
  const Plan& plan = report.plan;
  std::string rows =
      "<tr><th></th><th>peak/s</th><th>at, UTC</th><th>alone</th><th>shared</th></tr>\n";
  for (const RegionPlan& region : plan.regions) {
    rows += fmt::format("<tr><td>{}</td><td>{:.1f}</td><td>{}:00</td><td>{}</td><td>{}</td></tr>\n",
                        html(region.name), region.peak_rps, region.peak_hour, region.alone,
                        region.shared);
  }
  rows += fmt::format("<tr><td>all</td><td></td><td></td><td>{}</td><td>{}</td></tr>\n", plan.alone,
                      plan.shared);
  const std::string body = fmt::format(
      "<h1>{} GPUs</h1>\n<p class=\"lead\">{}</p>\n<p>{}</p>\n{}"
      "<h2>Regions</h2>\n<div class=\"scroll\"><table>{}</table></div>\n{}"
      "<h2>Free for other work</h2>\n{}"
      "<h2>What it rests on</h2>\n<p>Most of all: what changes if {} ({:+.1f} %).</p>\n{}",
      plan.shared, html(assumptions(report)), html(verdict(report)), figure_svg(by_way(plan)), rows,
      figure_svg(by_region(report)), figure_svg(by_hour(plan)),
      html(plan.sensitivities.front().assumption), 100 * plan.sensitivities.front().change,
      figure_svg(by_assumption(plan)));
  return page("Zoetrope: capacity plan", body);
}

}  // namespace zoetrope::traffic::fleet
