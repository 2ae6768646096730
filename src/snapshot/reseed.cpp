#include "reseed.hpp"

#include <cstdio>
#include <dlfcn.h>
#include <link.h>
#include <string_view>
#include <sys/random.h>

namespace pycds::snapshot {

namespace {

using Add = void (*)(const void* bytes, int size, double entropy);

// `problem`: a const char*.
int visit(dl_phdr_info* object, std::size_t /*size*/, void* problem) {
    const std::string_view name = object->dlpi_name != nullptr ? object->dlpi_name : "";
    if (name.find("libcrypto") == std::string_view::npos) {
        return 0;
    }
    const char*& why = *static_cast<const char**>(problem);
    void* const library = ::dlopen(object->dlpi_name, RTLD_LAZY | RTLD_NOLOAD);
    const auto add = library != nullptr ? reinterpret_cast<Add>(::dlsym(library, "RAND_add")) : nullptr;
    char bytes[32];
    if (add == nullptr) {
        static char text[1024];
        ::snprintf(text, sizeof text,
                   "%s cannot be given random bytes: it has no RAND_add; load it behind the checkpoint",
                   object->dlpi_name);
        why = text;
    } else if (::getrandom(bytes, sizeof bytes, 0) != sizeof bytes) {
        why = "the kernel gives no random bytes";
    } else {
        add(bytes, sizeof bytes, sizeof bytes);
    }
    if (library != nullptr) {
        ::dlclose(library);
    }
    return *why != '\0' ? 1 : 0;
}

}  // namespace

const char* reseed_libraries() noexcept {
    const char* problem = "";
    ::dl_iterate_phdr(visit, static_cast<void*>(&problem));
    return problem;
}

}  // namespace pycds::snapshot
