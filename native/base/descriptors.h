#pragma once

namespace ocup {

/**
 * See man 2 close_range. Where the kernel (Linux 5.9, 5.11) or a filter around us does not do it at
 * once, one descriptor after the other. Throws SysError.
 */
void close_descriptors(unsigned first, unsigned last, unsigned flags = 0);

}  // namespace ocup
