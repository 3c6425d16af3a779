#include "runtime/net_devices.h"

#include <fcntl.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "runtime/log.h"
#include "runtime/rtnetlink.h"

namespace ocup {

namespace {

void enter(const UniqueFd& network) {
  if (::setns(network.get(), CLONE_NEWNET) < 0) throw SysError(errno, "setns", "net");
}

/** A socket of another namespace, which this process leaves again at once. */
Rtnetlink open_in(const UniqueFd& network, const UniqueFd& own) {
  enter(network);
  try {
    Rtnetlink socket;
    enter(own);
    return socket;
  } catch (...) {
    enter(own);
    throw;
  }
}

/** The index of the link of that name; 0 when there is none. */
int find_link(Rtnetlink& socket, const std::string& name) {
  NetlinkRequest request(RTM_GETLINK, NLM_F_ACK);
  request.add_part(ifinfomsg{});
  request.add_text(IFLA_IFNAME, name);
  int index = 0;
  try {
    socket.call(request, name, [&](const nlmsghdr& header) {
      if (header.nlmsg_type != RTM_NEWLINK) return;
      index = static_cast<const ifinfomsg*>(NLMSG_DATA(&header))->ifi_index;
    });
  } catch (const SysError& error) {
    if (error.error_number() != ENODEV) throw;
  }
  return index;
}

struct Attribute {
  int type;
  std::string data;
};

struct Address {
  ifaddrmsg fixed;
  std::vector<Attribute> attributes;
};

Address read_address(const nlmsghdr& header) {
  const auto* fixed = static_cast<const ifaddrmsg*>(NLMSG_DATA(&header));
  Address address = {*fixed, {}};
  auto left = static_cast<unsigned>(IFA_PAYLOAD(&header));
  for (const rtattr* at = IFA_RTA(fixed); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
    const int type = at->rta_type;
    if (type != IFA_ADDRESS && type != IFA_LOCAL && type != IFA_BROADCAST && type != IFA_FLAGS) {
      continue;
    }
    address.attributes.push_back({type, {static_cast<const char*>(RTA_DATA(at)), RTA_PAYLOAD(at)}});
  }
  return address;
}

/** @see runtime-spec config-linux.md: the permanent ones of global scope are kept. */
std::vector<Address> addresses_of(Rtnetlink& socket, int index) {
  NetlinkRequest request(RTM_GETADDR, NLM_F_DUMP);
  request.add_part(ifaddrmsg{});
  std::vector<Address> addresses;
  socket.call(request, "addresses", [&](const nlmsghdr& header) {
    if (header.nlmsg_type != RTM_NEWADDR) return;
    const auto* fixed = static_cast<const ifaddrmsg*>(NLMSG_DATA(&header));
    const bool is_kept = static_cast<int>(fixed->ifa_index) == index &&
                         fixed->ifa_scope == RT_SCOPE_UNIVERSE &&
                         (fixed->ifa_flags & IFA_F_PERMANENT) != 0;
    if (is_kept) addresses.push_back(read_address(header));
  });
  return addresses;
}

void add_address(Rtnetlink& socket, int index, const Address& address, const std::string& name) {
  NetlinkRequest request(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
  ifaddrmsg fixed = address.fixed;
  fixed.ifa_index = static_cast<uint32_t>(index);
  request.add_part(fixed);
  for (const auto& attribute : address.attributes) {
    request.add_attribute(attribute.type, attribute.data.data(), attribute.data.size());
  }
  socket.call(request, "address of " + name);
}

void set_up(Rtnetlink& socket, int index, const std::string& name) {
  NetlinkRequest request(RTM_NEWLINK, NLM_F_ACK);
  ifinfomsg link = {};
  link.ifi_index = index;
  link.ifi_flags = IFF_UP;
  link.ifi_change = IFF_UP;
  request.add_part(link);
  socket.call(request, name);
}

void move_link(Rtnetlink& socket, int index, int target, const NetDevice& device) {
  NetlinkRequest request(RTM_NEWLINK, NLM_F_ACK);
  ifinfomsg link = {};
  link.ifi_index = index;
  // A link that is up cannot be renamed.
  link.ifi_change = IFF_UP;
  request.add_part(link);
  request.add_attribute(IFLA_NET_NS_FD, &target, sizeof target);
  request.add_text(IFLA_IFNAME, device.name_inside);
  socket.call(request, "move " + device.name);
}

void move_one(const NetDevice& device, const UniqueFd& from, const UniqueFd& to,
              const UniqueFd& own) {
  Rtnetlink source = open_in(from, own);
  Rtnetlink target = open_in(to, own);
  const int index = find_link(source, device.name);
  if (index == 0) throw UserError("there is no network device \"" + device.name + "\"");
  if (find_link(target, device.name_inside) != 0) {
    throw UserError("cannot move network device \"" + device.name + "\": \"" + device.name_inside +
                    "\" is there already");
  }
  const std::vector<Address> addresses = addresses_of(source, index);
  move_link(source, index, to.get(), device);
  const int index_there = find_link(target, device.name_inside);
  if (index_there == 0) throw UserError("network device \"" + device.name + "\" is gone");
  for (const auto& address : addresses) {
    add_address(target, index_there, address, device.name_inside);
  }
  set_up(target, index_there, device.name_inside);
}

}  // namespace

void NetDevices::move(const std::vector<NetDevice>& devices, const std::string& path) {
  if (devices.empty()) return;
  host_ = open_file("/proc/self/ns/net", O_RDONLY);
  container_ = open_file(path, O_RDONLY);
  for (const auto& device : devices) {
    // Recorded before: if it moves and its addresses do not, it has to go back as well.
    moved_.push_back(device);
    move_one(device, host_, container_, host_);
  }
}

NetDevices::~NetDevices() {
  for (const auto& device : moved_) {
    try {
      Rtnetlink container = open_in(container_, host_);
      if (find_link(container, device.name_inside) == 0) continue;
      move_one({device.name_inside, device.name}, container_, host_, host_);
    } catch (const std::exception& error) {
      log_warning("cannot bring back network device " + device.name + ": " + error.what());
    }
  }
}

}  // namespace ocup
