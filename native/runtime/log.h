#pragma once

#include <string>
#include <string_view>

namespace ocup {

// What the runtime has to tell, in the two formats and the two places that callers of runc read it
// from: with `--log` it goes to that file, and errors to standard error as well.

/** Throws SysError when the file cannot be opened, UserError for an unknown format. */
void configure_log(const std::string& file, const std::string& format, bool has_debug);

void log_error(std::string_view message);
void log_warning(std::string_view message);

/** Names a step that has been done, with the time since the start; only under --debug. */
void log_step(std::string_view step);

/** The descriptor of the log file; -1 when there is none. */
int log_fd();

/** For a process that waits inside a container, where the log shall not be within reach: it says
 * nothing more. */
void close_log();

/** `2026-11-24T02:16:51Z`, with nanoseconds if wanted. */
std::string utc_time(bool has_nanoseconds);

}  // namespace ocup
