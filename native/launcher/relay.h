#pragma once

#include "launcher/signals.h"

namespace ocup {

/**
 * Relays signals and the terminal between this process and the command that runs on `connection`, until it ends. Its exit
 * code; the terminal is as before. `signals` were taken before the command began, so that none comes in between. Throws
 * UserError when the host breaks off.
 */
int relay(int connection, const SignalSource& signals);

}  // namespace ocup
