// Image: an archive opened by tools; nothing in it becomes an object of the runtime.

#include "../cpython/identity.hpp"
#include "../cpython/preview.hpp"
#include "../image/checksum.hpp"
#include "../image/inspect.hpp"
#include "../image/options.hpp"
#include "../image/reader.hpp"
#include "../image/verify.hpp"

#include "boundary.hpp"
#include "conversions.hpp"
#include "owner.hpp"

#include <algorithm>
#include <array>

namespace pycds::bindings {

namespace {

using cpython::check;
using cpython::Ref;
using ImageOwner = Owner<image::Reader>;

constexpr std::array<std::string_view, 9> loader_words = {"source", "sourceless", "zip",       "other", "memo",
                                                          "script", "extension",  "namespace", "absent"};
constexpr std::array<std::string_view, 5> pyc_words = {"none", "timestamp", "checked", "unchecked", "elsewhere"};
constexpr std::array<std::string_view, 4> kind_words = {"absent", "directory", "file", "unstable"};
constexpr std::array<std::string_view, image::runtime_type_count> type_words = {"code",  "str",     "bytes", "int",
                                                                                "float", "complex", "tuple", "slice"};

template <std::size_t size>
std::string_view word(const std::array<std::string_view, size>& words, std::size_t i) noexcept {
    return i < size ? words[i] : "unknown";
}

// A list of what `convert` makes of each item.
template <typename Items, typename Convert>
PyObject* list_of(const Items& items, Convert&& convert) {
    Ref list = Ref::steal(PyList_New(0));
    for (const auto& item : items) {
        const Ref converted = convert(item);
        check(PyList_Append(list.get(), converted.get()));
    }
    return list.release();
}

int initialise(PyObject* self, PyObject* args, PyObject* kwargs) {
    return guarded(state_of_type(Py_TYPE(self)), -1, [&] {
        static const char* keywords[] = {"path", nullptr};
        PyObject* path = nullptr;
        if (PyArg_ParseTupleAndKeywords(args, kwargs, "O:Image", const_cast<char**>(keywords), &path) == 0) {
            return -1;
        }
        if (ImageOwner::of(self).value) {
            PyErr_SetString(PyExc_RuntimeError, "an Image is initialised once");
            return -1;
        }
        ImageOwner::of(self).value = std::make_unique<image::Reader>(to_path(path));
        return 0;
    });
}

// Runs a method's body with the reader.
template <typename Body>
PyObject* with_reader(PyObject* self, Body&& body) {
    return guarded(state_of_type(Py_TYPE(self)), static_cast<PyObject*>(nullptr),
                   [&]() -> PyObject* { return body(ImageOwner::value_of(self)); });
}

// --- header -------------------------------------------------------------------------------------------

PyObject* search_path(image::Reader& reader) {
    std::vector<image::DirectoryRecord> path;
    for (const image::DirectoryRecord& record : reader.directories()) {
        if (record.position != image::none_index) {
            path.push_back(record);
        }
    }
    std::ranges::sort(path, {}, &image::DirectoryRecord::position);
    return list_of(path, [&](const image::DirectoryRecord& record) {
        DictBuilder dict;
        dict.set("path", reader.directory_path(record))
            .set("kind", word(kind_words, record.kind))
            .set("mtime_ns", from_signed(record.stamp.mtime_ns))
            .set_bool("installed", (record.flags & image::directory_is_installed) != 0);
        return dict.take();
    });
}

PyObject* header(PyObject* self, void* /*unused*/) {
    return with_reader(self, [](image::Reader& reader) {
        const image::Header& header = reader.header();
        DictBuilder dict;
        dict.set("format_version", header.prefix.format_version)
            .set("creator", std::string_view(header.prefix.creator))
            .set("identity", from_identity(header.identity))
            .set("file_size", header.prefix.file_size)
            .set("modules", header.modules - header.memos - header.places)
            .set("places", header.places)
            .set("memos", header.memos)
            .set("options", from_texts(image::names_of_options(header.options)))
            .set("search_path", Ref::steal(search_path(reader)));
        return dict.release();
    });
}

// --- sections, modules --------------------------------------------------------------------------------

PyObject* sections(PyObject* self, PyObject* /*unused*/) {
    return with_reader(self, [](image::Reader& reader) {
        std::array<image::Section, image::section_count> all{};
        for (std::size_t i = 0; i < all.size(); ++i) {
            all[i] = static_cast<image::Section>(i);
        }
        return list_of(all, [&](image::Section which) {
            const image::SectionRecord& section = reader.section(which);
            DictBuilder dict;
            dict.set("name", to_string(which))
                .set("offset", section.offset)
                .set("size", section.size)
                .set("items", section.items);
            return dict.take();
        });
    });
}

Ref optional_text(std::optional<std::string_view> text) {
    return text ? cpython::decode_text(*text) : Ref::borrow(Py_None);
}

Ref locations_of(const image::Entry& entry) {
    if (!entry.is_package()) {
        return Ref::borrow(Py_None);
    }
    return Ref::steal(list_of(entry.location_refs(),
                              [&](image::TextRef location) { return cpython::decode_text(entry.text(location)); }));
}

Ref search_entry_of(image::Reader& reader, const image::Entry& entry) {
    const auto directories = reader.directories();
    const std::uint32_t directory = entry.record().directory;
    if (directory == image::none_index) {
        return Ref::borrow(Py_None);
    }
    if (directory >= directories.size()) {
        reader.damaged("the directory of an entry");
    }
    return cpython::decode_text(reader.directory_path(directories[directory]));
}

template <typename Predicate>
std::vector<image::Entry> entries_that(image::Reader& reader, Predicate&& are) {
    std::vector<image::Entry> entries = reader.all_entries();
    std::erase_if(entries, [&](const image::Entry& entry) { return !are(entry); });
    return entries;
}

bool is_code_of_a_program(const image::Entry& entry) { return !entry.is_memo() && entry.has_code(); }

PyObject* modules(PyObject* self, PyObject* /*unused*/) {
    return with_reader(self, [](image::Reader& reader) {
        return list_of(entries_that(reader, is_code_of_a_program), [&](const image::Entry& entry) {
            const image::EntryRecord& record = entry.record();
            DictBuilder dict;
            dict.set("name", entry.name())
                .set("loader", word(loader_words, record.loader))
                .set("origin", entry.origin())
                .set("cached", optional_text(entry.cached()))
                .set("locations", locations_of(entry))
                .set("search_entry", search_entry_of(reader, entry))
                .set("stamp_path", entry.stamp_path())
                .set("mtime_ns", from_signed(record.stamp.mtime_ns))
                .set("size", record.stamp.size)
                .set("content", record.content)
                .set("pyc", word(pyc_words, record.pyc_kind))
                .set_bool("contested", (record.flags & image::entry_is_contested) != 0)
                .set("segment_offset", record.segment_offset)
                .set("segment_size", image::segment_size(record))
                .set("needed_once", record.objects_size - record.bodies)
                .set("code_objects", record.code_count)
                .set("relocations", record.relocations);
            return dict.take();
        });
    });
}

PyObject* places(PyObject* self, PyObject* /*unused*/) {
    return with_reader(self, [](image::Reader& reader) {
        const auto are = [](const image::Entry& entry) { return !entry.has_code(); };
        return list_of(entries_that(reader, are), [&](const image::Entry& entry) {
            DictBuilder dict;
            dict.set("name", entry.name())
                .set("kind", word(loader_words, entry.record().loader))
                .set("origin", entry.origin())
                .set("locations", locations_of(entry))
                .set("search_entry", search_entry_of(reader, entry))
                .set_bool("contested", (entry.record().flags & image::entry_is_contested) != 0);
            return dict.take();
        });
    });
}

PyObject* memo(PyObject* self, PyObject* /*unused*/) {
    return with_reader(self, [](image::Reader& reader) {
        const auto are = [](const image::Entry& entry) { return entry.is_memo(); };
        return list_of(entries_that(reader, are), [&](const image::Entry& entry) {
            const image::EntryRecord& record = entry.record();
            DictBuilder dict;
            dict.set("name", entry.name())
                .set("segment_offset", record.segment_offset)
                .set("segment_size", image::segment_size(record))
                .set("relocations", record.relocations);
            return dict.take();
        });
    });
}

// --- shared constants, verify -------------------------------------------------------------------------

PyObject* shared_constants(PyObject* self, PyObject* /*unused*/) {
    return with_reader(self, [](image::Reader& reader) {
        const image::SharedConstants shared = image::shared_constants(reader);
        const cpython::Preview preview(shared.strings, shared.constants);
        const bool readable = cpython::has_layout_of(reader.header().identity);
        return list_of(shared.objects, [&](const image::SharedConstant& object) {
            DictBuilder dict;
            dict.set("type", word(type_words, static_cast<std::size_t>(object.type)))
                .set("size", object.size)
                .set("text", readable ? preview.constant(object.type, object.offset) : std::string())
                .set("uses", object.uses);
            return dict.take();
        });
    });
}

PyObject* verify(PyObject* self, PyObject* /*unused*/) {
    return with_reader(self, [](image::Reader& reader) {
        return list_of(image::verify(reader), [](const std::string& problem) {
            // For people to read: what is no UTF-8 in a name from the file must not fail to be printed.
            return Ref::steal(
                PyUnicode_DecodeUTF8(problem.data(), static_cast<Py_ssize_t>(problem.size()), "backslashreplace"));
        });
    });
}

bool is_damaged(image::Reader& reader, const image::EntryRecord& record) {
    try {
        return image::checksum(reader.copy(record.segment_offset, image::segment_size(record))) !=
               record.segment_checksum;
    } catch (const image::Error& error) {
        if (error.reason() != image::Reason::truncated) {
            throw;
        }
        return true;
    }
}

PyObject* damaged(PyObject* self, PyObject* /*unused*/) {
    return with_reader(self, [](image::Reader& reader) {
        const auto are = [&](const image::Entry& entry) {
            return is_code_of_a_program(entry) && is_damaged(reader, entry.record());
        };
        return list_of(entries_that(reader, are),
                       [](const image::Entry& entry) { return cpython::decode_text(entry.name()); });
    });
}

PyGetSetDef properties[] = {
    {"header", header, nullptr,
     PyDoc_STR("format_version, creator, identity, file_size, modules, places, memos, options and search_path of the "
               "archive."),
     nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyMethodDef methods[] = {
    {"sections", sections, METH_NOARGS,
     PyDoc_STR("sections()\n--\n\nname, offset, size and items of each section, in file order.")},
    {"modules", modules, METH_NOARGS,
     PyDoc_STR("modules()\n--\n\nWhat is recorded of each module, in order of first use.")},
    {"places", places, METH_NOARGS,
     PyDoc_STR("places()\n--\n\nWhere extension modules and namespace packages are, and which names were nowhere.")},
    {"memo", memo, METH_NOARGS, PyDoc_STR("memo()\n--\n\nWhat is recorded of each memo entry.")},
    {"shared_constants", shared_constants, METH_NOARGS,
     PyDoc_STR("shared_constants()\n--\n\nConstants stored once for several modules: type, size, text, uses.")},
    {"verify", verify, METH_NOARGS,
     PyDoc_STR("verify()\n--\n\nCheck every checksum, bound, reference and relocation; the problems found, one line "
               "each.")},
    {"damaged", damaged, METH_NOARGS,
     PyDoc_STR("damaged()\n--\n\nThe modules and scripts whose segments are not what was written, by name.")},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("Image(path)\n--\n\nAn archive opened for reading by tools.")},
    {Py_tp_new, slot(ImageOwner::allocate)},
    {Py_tp_init, slot(initialise)},
    {Py_tp_dealloc, slot(ImageOwner::deallocate)},
    {Py_tp_getset, properties},
    {Py_tp_methods, methods},
    {0, nullptr},
};

PyType_Spec spec = {"pycds._core.Image", sizeof(ImageOwner), 0, Py_TPFLAGS_DEFAULT, slots};

}  // namespace

PyTypeObject* add_image_type(PyObject* module) { return add_type(module, spec); }

}  // namespace pycds::bindings
