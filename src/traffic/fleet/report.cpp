#include "traffic/fleet/report.h"

#include <fmt/format.h>

#include <cmath>

#include "media/write_image.h"
#include "traffic/fleet/figure_png.h"
#include "traffic/fleet/figure_svg.h"
#include "traffic/fleet/figures.h"
#include "traffic/fleet/metrics.h"
#include "traffic/fleet/page.h"

namespace zoetrope::traffic::fleet {
namespace {

struct Column {
  const char* metric;
  const char* heading;
  int digits;
};
constexpr Column kColumns[] = {
    {"success", "success", 4},     {"attempts", "tries", 2},        {"utilisation", "busy", 3},
    {"home_share", "at home", 3},  {"overhead_p50", "wait p50", 3}, {"overhead_p99", "wait p99", 2},
    {"total_p99", "total p99", 1},
};

std::string table(const CampaignResult& result) {
  std::string rows = "<tr><th></th>";
  for (const Column& column : kColumns) rows += fmt::format("<th>{}</th>", column.heading);
  rows += "</tr>\n";
  for (const ArmResult& arm : result.arms) {
    rows += fmt::format("<tr><td>{}</td>", html(arm.arm.name));
    for (const Column& column : kColumns) {
      const Estimate estimate = arm.metric(column.metric);
      // An interval narrower than the last digit says nothing more.
      const bool wide = estimate.half_width >= 0.5 * std::pow(10, -column.digits);
      rows += fmt::format(
          "<td>{:.{}f}{}</td>", estimate.mean, column.digits,
          wide ? fmt::format(" <small>±{:.{}f}</small>", estimate.half_width, column.digits) : "");
    }
    rows += "</tr>\n";
  }
  return "<div class=\"scroll\"><table>" + rows + "</table></div>\n";
}

std::string gates(const CampaignResult& result) {
  std::string items;
  for (const GateResult& gate : result.gates) {
    items +=
        fmt::format("<li{}>{}</li>\n", gate.passed ? "" : " class=\"failed\"", html(gate.text));
  }
  return "<ul class=\"gates\">\n" + items + "</ul>\n";
}

std::string section(const CampaignResult& result) {
  std::string text =
      fmt::format("<h2><small>{}</small>{}</h2>\n<p>{}</p>\n", html(result.scenario.name),
                  html(result.scenario.title), html(result.scenario.about));
  for (const Figure& figure : figures_of(result)) text += figure_svg(figure);
  return text + table(result) + gates(result);
}

}  // namespace

std::string report_page(const std::vector<CampaignResult>& results) {
  size_t held = 0, all = 0;
  int64_t events = 0;
  for (const CampaignResult& result : results) {
    events += result.events;
    for (const GateResult& gate : result.gates) {
      ++all;
      held += gate.passed ? 1 : 0;
    }
  }
  std::string body = fmt::format(
      "<h1>A fleet under load, simulated</h1>\n"
      "<p class=\"lead\">Written by <code>zoetrope simulate</code>: {} scenarios, {} of {} gates "
      "hold, {:.0f} million events. Unless a scenario says otherwise: 12 regions of 400 GPUs, one "
      "job at a time on each, 4 s a job. Figures show the first seed, tables the mean over all "
      "with "
      "its 95 % interval. Wait: seconds beyond the work itself.</p>\n",
      results.size(), held, all, static_cast<double>(events) * 1e-6);
  for (const CampaignResult& result : results) body += section(result);
  return page("Zoetrope: a fleet under load", body);
}

base::Status write_plots(const std::vector<CampaignResult>& results,
                         const std::filesystem::path& folder) {
  for (const CampaignResult& result : results) {
    for (const Figure& figure : figures_of(result)) {
      if (!figure.picture) continue;
      const base::Status written =
          media::write_image(folder / (figure.id + ".png"), figure_png(figure));
      if (!written.ok()) return written;
    }
  }
  return {};
}

}  // namespace zoetrope::traffic::fleet
