#include "reseed.hpp"

#include <dlfcn.h>
#include <link.h>
#include <string_view>
#include <sys/random.h>

namespace pycds::snapshot {

namespace {

using Add = void (*)(const void* bytes, int size, double entropy);

int visit(dl_phdr_info* object, std::size_t /*size*/, void* /*nothing*/) {
    const std::string_view name = object->dlpi_name != nullptr ? object->dlpi_name : "";
    if (name.find("libcrypto") == std::string_view::npos) {
        return 0;
    }
    void* const library = ::dlopen(object->dlpi_name, RTLD_LAZY | RTLD_NOLOAD);
    if (library == nullptr) {
        return 0;
    }
    char bytes[32];
    const auto add = reinterpret_cast<Add>(::dlsym(library, "RAND_add"));
    if (add != nullptr && ::getrandom(bytes, sizeof bytes, 0) == sizeof bytes) {
        add(bytes, sizeof bytes, sizeof bytes);
    }
    ::dlclose(library);
    return 0;
}

}  // namespace

void reseed_libraries() noexcept { ::dl_iterate_phdr(visit, nullptr); }

}  // namespace pycds::snapshot
