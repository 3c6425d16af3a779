#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "runtime/spec.h"

namespace ocup {

/**
 * The devices of linux.netDevices while a container is being made: those that moved go back to the
 * host with their old names unless `release` is called, so that a failure loses none.
 */
class NetDevices {
 public:
  NetDevices() = default;
  NetDevices(const NetDevices&) = delete;
  NetDevices& operator=(const NetDevices&) = delete;
  ~NetDevices();

  /**
   * Moves them into the network namespace at `path`; each keeps its permanent global addresses and
   * is up there. Throws SysError, UserError.
   */
  void move(const std::vector<NetDevice>& devices, const std::string& path);
  void release() { moved_.clear(); }

 private:
  UniqueFd host_;
  UniqueFd container_;
  std::vector<NetDevice> moved_;
};

}  // namespace ocup
