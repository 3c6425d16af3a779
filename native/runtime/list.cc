#include <sys/stat.h>

#include <algorithm>

#include "base/error.h"
#include "runtime/commands.h"
#include "runtime/log.h"
#include "runtime/state.h"

namespace ocup {

namespace {

struct Row {
  ContainerState state;
  Status status;
  pid_t pid;
  std::string owner;
};

pid_t shown_pid(const ContainerState& state, Status status) {
  return status == Status::kStopped ? 0 : state.pid;
}

std::vector<Row> read_rows(const std::string& root) {
  std::vector<Row> rows;
  for (const auto& id : StateFolder::list(root)) {
    try {
      const StateFolder folder = StateFolder::open(root, id);
      struct stat stat = {};
      ::fstat(folder.fd(), &stat);
      ContainerState state = folder.load();
      const Status status = state.status(folder.fd());
      const pid_t pid = shown_pid(state, status);
      rows.push_back({std::move(state), status, pid,
                      user_name(stat.st_uid, "#" + std::to_string(stat.st_uid))});
    } catch (const std::exception& error) {
      // One that is being made or removed right now must not hide the others.
      log_warning("load container " + id + ": " + error.what());
    }
  }
  return rows;
}

std::string table(const std::vector<Row>& rows) {
  std::vector<std::vector<std::string>> lines = {
      {"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}};
  for (const auto& row : rows) {
    lines.push_back({row.state.id, std::to_string(row.pid), status_name(row.status),
                     row.state.bundle, row.state.created, row.owner});
  }
  constexpr size_t kLeastWidth = 12;
  constexpr size_t kGap = 3;
  std::vector<size_t> widths(6, kLeastWidth - kGap);
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string text;
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) {
      text += line[i];
      if (i + 1 < line.size()) text.append(widths[i] + kGap - line[i].size(), ' ');
    }
    text += "\n";
  }
  return text;
}

}  // namespace

int run_list(const GlobalOptions& global, const Arguments& arguments) {
  const std::string format = arguments.value("format", "table");
  if (format != "table" && format != "json") throw UserError("invalid format option");
  if (arguments.has("quiet")) {
    for (const auto& row : read_rows(global.root)) print(row.state.id + "\n");
    return 0;
  }
  const std::vector<Row> rows = read_rows(global.root);
  if (format == "table") {
    print(table(rows));
    return 0;
  }
  std::string text;
  for (const auto& row : rows) {
    text += (text.empty() ? "" : ",") + state_json(row.state, row.status, row.pid, &row.owner);
  }
  print(rows.empty() ? "null" : "[" + text + "]");
  return 0;
}

int run_state(const GlobalOptions& global, const Arguments& arguments) {
  const StateFolder folder = StateFolder::open(global.root, arguments.rest()[0]);
  const ContainerState state = folder.load();
  const Status status = state.status(folder.fd());
  const std::string owner;
  print(pretty_json(state_json(state, status, shown_pid(state, status), &owner)) + "\n");
  return 0;
}

}  // namespace ocup
