#pragma once

#include <string>

#include "base/unique_fd.h"
#include "launcher/messages.h"

namespace ocup {

/**
 * Hands `request` and the standard streams to the command host that listens at `path`. The connection on which the command
 * runs; none where there is no host, or it refuses, or does not answer at once: then nothing has been done.
 */
UniqueFd hand_over(const std::string& path, const std::string& request);

/** Sends a frame. Throws SysError, EPIPE when the host has gone. */
void send_frame(int fd, Message type, const std::string& payload = {});

}  // namespace ocup
