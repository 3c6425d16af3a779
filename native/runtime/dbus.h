#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"

namespace ocup {

/** Puts values into the wire format of D-Bus, little-endian, each at its alignment. */
class DbusWriter {
 public:
  void pad(size_t alignment) {
    data_.resize((data_.size() + alignment - 1) / alignment * alignment);
  }
  void byte(uint8_t value) { data_.push_back(static_cast<char>(value)); }
  void number32(uint32_t value);
  void number64(uint64_t value);
  void text(std::string_view value);
  void signature(std::string_view value);
  /** `begin` returns what `end` needs to fill in the length; elements are aligned as said. */
  size_t begin_array(size_t alignment);
  void end_array(size_t mark, size_t alignment);

  const std::string& data() const { return data_; }

 private:
  std::string data_;
};

/** Takes values out of it again. Throws UserError when there is too little. */
class DbusReader {
 public:
  explicit DbusReader(std::string_view data) : data_(data) {}

  void pad(size_t alignment) { at_ = (at_ + alignment - 1) / alignment * alignment; }
  bool has_more() const { return at_ < data_.size(); }
  size_t position() const { return at_; }
  uint8_t byte();
  uint32_t number32();
  std::string text();
  std::string signature();

 private:
  std::string_view take(size_t size);

  std::string_view data_;
  size_t at_ = 0;
};

struct DbusMessage {
  uint8_t type = 0;
  uint32_t reply_to = 0;
  std::string member;
  std::string error_name;
  std::string body;
};

struct DbusCall {
  std::string path;
  std::string interface;
  std::string member;
  std::string signature;
  std::string body;
};

/** A connection to systemd: by its bus, or where there is none by the socket that it keeps for
 * root. */
class Dbus {
 public:
  /** Throws UserError when nothing answers. */
  explicit Dbus(bool is_user);

  /** Returns the body of the answer. Throws UserError with the error's name and text. */
  std::string call(const DbusCall& call);
  /** Waits for a signal until `visit` says that it was the one. */
  void await_signal(const std::string& member, const std::function<bool(DbusReader& body)>& visit);

 private:
  void authenticate();
  uint32_t send(const DbusCall& call, std::string_view destination);
  DbusMessage receive();
  std::string read_bytes(size_t size);

  UniqueFd fd_;
  bool is_bus_ = true;
  uint32_t serial_ = 0;
  std::vector<DbusMessage> signals_;
};

}  // namespace ocup
