#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string>
#include <string_view>

namespace ocup {

/** SHA-256 by the OpenSSL that Node carries. */
class Sha256 {
 public:
  Sha256();

  void update(std::string_view bytes);

  /** `sha256:` and 64 hex digits; nothing may be added afterwards. */
  std::string finish();

 private:
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};

}  // namespace ocup
