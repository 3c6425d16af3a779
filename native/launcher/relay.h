#pragma once

namespace ocup {

/**
 * Relays signals and the terminal between this process and the command that runs on `connection`, until it ends. Its exit
 * code; the terminal is as before. Throws UserError when the host breaks off.
 */
int relay(int connection);

}  // namespace ocup
