#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <ctime>
#include <string>
#include <utility>
#include <vector>

namespace ocup {

using Attributes = std::vector<std::pair<std::string, std::string>>;

/** What belongs to a file beside its content. */
struct FileMetadata {
  mode_t mode = 0755;
  uid_t uid = 0;
  gid_t gid = 0;
  timespec modified = {};
  Attributes attributes;
};

/** What this process may not do, and whether that is its lot or an error. */
struct Privileges {
  uid_t uid;
  gid_t gid;
  /** All ids are mapped, so a refused owner is an error; else it is the best that can be had. */
  bool has_all_ids;
  /** `trusted.*` attributes can be set; else overlayfs is told with `user.*`. */
  bool has_trusted;
};

/** Looks at this process, and at the file system that `folder_fd` is on. */
Privileges find_privileges(int folder_fd);

/** How much could not be kept for want of privileges. */
struct Skipped {
  uint64_t owners = 0;
  uint64_t devices = 0;
  uint64_t attributes = 0;
};

/** Gives what is at `name` in the folder (not what a link there points to) to uid and gid. */
void set_owner(int folder_fd, const char* name, uid_t uid, gid_t gid, const Privileges& privileges,
               Skipped& skipped);

/** Makes an empty file in the place of a device that this process may not make; its attribute
 * `user.ocup.device` says which (`c 1:3`). False where the file system has no such attributes. */
bool stand_in_for_device(int folder_fd, const std::string& name, mode_t type, dev_t device);

/** Sets attributes of the open file; those of overlayfs itself are left out. */
void set_attributes(int fd, const Attributes& attributes, const Privileges& privileges,
                    Skipped& skipped);

/** Sets attributes of what is at `name` in the folder, be it a link. */
void set_attributes_at(int folder_fd, const std::string& name, const Attributes& attributes,
                       const Privileges& privileges, Skipped& skipped);

/** Owner, mode, attributes and time of the open folder or file, in the order that keeps each of
 * them. */
void set_metadata(int fd, const FileMetadata& metadata, const Privileges& privileges,
                  Skipped& skipped);

/** What the open file has; attributes of overlayfs itself are left out. Throws SysError. */
FileMetadata read_metadata(int fd);

/** The attributes of what is at `name` in the folder, be it a link. */
Attributes read_attributes_at(int folder_fd, const std::string& name);

/** Marks the open folder as hiding what lower layers have at its place. */
void mark_opaque(int fd, const Privileges& privileges);

/** Whether it is marked so. */
bool is_opaque(int fd);

/** A device 0:0: what overlayfs takes for a removed file. */
bool is_whiteout(const struct stat& stat);

}  // namespace ocup
