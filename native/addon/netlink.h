#pragma once

#include <cstddef>
#include <vector>

#include "base/unique_fd.h"

namespace ocup {

/** A netlink socket of this thread's network namespace, for `transactNetlink`. Throws SysError. */
UniqueFd open_netlink(int protocol);

/**
 * Sends `count` messages, each of which asks for an acknowledgement or a dump, and reads until each
 * has come to its end: all replies. Throws SysError where they do not come; what the kernel says of
 * a message is among them.
 */
std::vector<char> transact_netlink(int fd, const std::vector<char>& request, size_t count);

/** The same, for requests that only succeed or fail: throws SysError for the first that failed. */
void require_netlink(int fd, const std::vector<char>& request, size_t count);

}  // namespace ocup
