#pragma once

#include <linux/rtnetlink.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"

namespace ocup {

/** A request of man 7 rtnetlink: a header, a fixed part, attributes. */
class NetlinkRequest {
 public:
  NetlinkRequest(int type, int flags);

  template <typename Part>
  void add_part(const Part& part) {
    append(&part, sizeof part);
  }
  void add_attribute(int type, const void* data, size_t size);
  void add_text(int type, const std::string& text) {
    add_attribute(type, text.c_str(), text.size() + 1);
  }

  /** With its length filled in. */
  std::string_view bytes();

 private:
  void append(const void* data, size_t size);

  std::string data_;
};

/** A socket for the links and addresses of one network namespace. */
class Rtnetlink {
 public:
  /** Of the namespace this process is in. Throws SysError. */
  Rtnetlink();

  /** Sends it and waits for the kernel's word. Throws SysError naming `what`. */
  void call(NetlinkRequest& request, std::string_view what);
  /** The same for a request that is answered by messages, each given to `visit`. */
  void call(NetlinkRequest& request, std::string_view what,
            const std::function<void(const nlmsghdr& header)>& visit);

 private:
  UniqueFd fd_;
};

}  // namespace ocup
