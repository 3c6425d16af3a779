#pragma once

#include <string>

#include "base/unique_fd.h"
#include "launcher/messages.h"

namespace ocup {

/** Where a command host takes commands. */
std::string command_socket(const std::string& run_folder);

/** A connection to our own user's command host that listens at `path`; none where there is none. */
UniqueFd connect_to_host(const std::string& path);

/**
 * Hands `request` and the standard streams over: the command runs on that connection. False where
 * the host refuses or does not answer at once: then nothing has been done.
 */
bool hand_over(int fd, const std::string& request);

/** Sends a frame. Throws SysError, EPIPE when the host has gone. */
void send_frame(int fd, Message type, const std::string& payload = {});

}  // namespace ocup
