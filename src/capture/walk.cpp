#include "walk.hpp"

#include "../cpython/runtime.hpp"
#include "../image/format.hpp"

#include <cstring>

namespace pycds::capture {

namespace {

// marshal itself stops at 2000 (Python/marshal.c, MAX_MARSHAL_STACK_DEPTH).
constexpr int deepest_nesting = 2500;

class DepthGuard {
  public:
    explicit DepthGuard(int& depth) : depth_(depth) {
        if (++depth_ > deepest_nesting) {
            --depth_;
            throw Unarchivable("constants nested too deeply");
        }
    }
    DepthGuard(const DepthGuard&) = delete;
    DepthGuard& operator=(const DepthGuard&) = delete;
    ~DepthGuard() { --depth_; }

  private:
    int& depth_;
};

std::string text_of(PyObject* string) {
    const char* text = PyUnicode_AsUTF8(string);
    if (text == nullptr) {
        PyErr_Clear();
        return "?";
    }
    return text;
}

}  // namespace

ModuleWalk::ModuleWalk(ConstantTable& constants, PyObject* frozenset_orders, CodeId first_code)
    : table_(constants), frozenset_orders_(frozenset_orders), walk_number_(constants.next_walk()) {
    module_.first_code = first_code;
}

CapturedModule ModuleWalk::capture(PyObject* code) {
    add_code(code);
    return std::move(module_);
}

CodeId ModuleWalk::add_code(PyObject* object) {
    auto* code = reinterpret_cast<PyCodeObject*>(object);
    where_ = text_of(cpython::name_of_code(code));
    if (!cpython::is_pristine(code)) {
        throw Unarchivable("the code of " + where_ + " was already executed");
    }
    const auto index = module_.codes.size();
    const auto id = static_cast<CodeId>(static_cast<std::uint32_t>(module_.first_code) + index);
    seen_.emplace(object, Target(id));
    module_.codes.push_back({cpython::code_image(code), {}, cpython::is_function(code)});
    const auto references = cpython::code_references(code);
    std::vector<SlotTarget> targets;
    targets.reserve(references.size());
    for (const cpython::CodeReference& reference : references) {
        if (reference.target == nullptr) {
            throw Unarchivable("the code of " + where_ + " has no " + reference.field);
        }
        targets.push_back({reference.slot, target_of(reference.target)});
    }
    module_.codes[index].targets = std::move(targets);
    return id;
}

Target ModuleWalk::target_of(PyObject* object) {
    if (const auto runtime = cpython::as_runtime_reference(object)) {
        return Target(*runtime);
    }
    if (const auto known = seen_.find(object); known != seen_.end()) {
        return known->second;
    }
    const DepthGuard guard(depth_);
    const Target target = new_target(object);
    seen_.emplace(object, target);
    return target;
}

Target ModuleWalk::new_target(PyObject* object) {
    if (PyUnicode_CheckExact(object)) {
        const bool canonical = PyUnicode_CHECK_INTERNED(object) != 0 || cpython::must_be_canonical(object);
        return canonical ? note(table_.add_interned(object)) : add_leaf(cpython::string_image(object));
    }
    if (PyTuple_CheckExact(object)) {
        return add_tuple(object);
    }
    if (PyCode_Check(object)) {
        return Target(add_code(object));
    }
    if (PyBytes_CheckExact(object)) {
        return add_leaf(cpython::bytes_image(object));
    }
    if (PyLong_CheckExact(object)) {
        return add_leaf(cpython::integer_image(object));
    }
    if (PyFloat_CheckExact(object)) {
        return add_number(cpython::float_image(object), object);
    }
    if (PyComplex_CheckExact(object)) {
        return add_number(cpython::complex_image(object), object);
    }
    if (PyFrozenSet_CheckExact(object)) {
        return add_frozenset(object);
    }
    if (PySlice_Check(object)) {
        return add_slice(object);
    }
    throw Unarchivable(std::string("a constant of type ") + Py_TYPE(object)->tp_name + " in " + where_);
}

Target ModuleWalk::note(NodeId id) {
    Constant& constant = table_[id];
    if (constant.last_user != walk_number_) {
        constant.last_user = walk_number_;
        module_.constants.push_back(id);
    }
    return Target(id);
}

bool ModuleWalk::holds_code(const Target& target) const noexcept {
    return target.kind() == Target::Kind::code ||
           (target.kind() == Target::Kind::constant && table_[target.node()].holds_code);
}

Target ModuleWalk::add_leaf(cpython::ObjectImage object) {
    return note(table_.add(Constant{ConstantKind::ordinary, std::move(object), {}}));
}

Target ModuleWalk::add_number(cpython::ObjectImage object, PyObject* number) {
    Constant constant{ConstantKind::ordinary, std::move(object), {}};
    return note(cpython::equals_itself(number) ? table_.add(std::move(constant))
                                               : table_.add_distinct(std::move(constant)));
}

Target ModuleWalk::add_tuple(PyObject* tuple) {
    const auto size = static_cast<std::size_t>(PyTuple_GET_SIZE(tuple));
    Constant constant{ConstantKind::ordinary, cpython::tuple_image(size), {}};
    constant.targets.reserve(size);
    for (std::size_t i = 0; i < size; ++i) {
        PyObject* item = PyTuple_GET_ITEM(tuple, static_cast<Py_ssize_t>(i));
        const Target target = target_of(item);
        constant.holds_code = constant.holds_code || holds_code(target);
        constant.targets.push_back({cpython::tuple_item_slot(i), target});
    }
    return note(table_.add(std::move(constant)));
}

Target ModuleWalk::add_slice(PyObject* slice) {
    Constant constant{ConstantKind::ordinary, cpython::slice_image(), {}};
    const auto slots = cpython::slice_slots();
    const auto members = cpython::slice_members(slice);
    for (std::size_t i = 0; i < slots.size(); ++i) {
        const Target target = target_of(members[i]);
        constant.holds_code = constant.holds_code || holds_code(target);
        constant.targets.push_back({slots[i], target});
    }
    return note(table_.add(std::move(constant)));
}

// The order's items are equal to the members but need not be the members themselves (an equal string may differ in
// being interned), so each is looked up among the members.
std::vector<PyObject*> ModuleWalk::insertion_order(PyObject* frozenset) const {
    const cpython::Ref members = cpython::Ref::steal(PyDict_New());
    std::vector<PyObject*> items;
    const cpython::Ref iterator = cpython::Ref::steal(PyObject_GetIter(frozenset));
    while (PyObject* next = PyIter_Next(iterator.get())) {
        const cpython::Ref item = cpython::Ref::steal(next);  // the frozenset keeps it alive
        cpython::check(PyDict_SetItem(members.get(), item.get(), item.get()));
        items.push_back(item.get());
    }
    PyObject* order = PyErr_Occurred() == nullptr ? PyDict_GetItemWithError(frozenset_orders_, frozenset) : nullptr;
    if (PyErr_Occurred() != nullptr) {
        throw cpython::PythonError();
    }
    if (order == nullptr || !PyTuple_CheckExact(order) || PyTuple_GET_SIZE(order) != PySet_GET_SIZE(frozenset)) {
        return items;  // not in the stream that was read: the order of iteration then
    }
    for (std::size_t i = 0; i < items.size(); ++i) {
        items[i] = PyDict_GetItemWithError(members.get(), PyTuple_GET_ITEM(order, static_cast<Py_ssize_t>(i)));
        if (items[i] == nullptr) {
            throw Unarchivable("the order given for a frozenset in " + where_ + " names other items");
        }
    }
    return items;
}

Target ModuleWalk::add_frozenset(PyObject* frozenset) {
    const std::vector<PyObject*> items = insertion_order(frozenset);
    Constant constant{ConstantKind::frozenset, {}, {}};
    constant.object.bytes.resize(sizeof(image::FrozensetRecord) + items.size() * sizeof(image::Reference));
    const image::FrozensetRecord record{items.size(), 0};
    std::memcpy(constant.object.bytes.data(), &record, sizeof(record));
    for (std::size_t i = 0; i < items.size(); ++i) {
        const Target target = target_of(items[i]);
        if (holds_code(target)) {  // a code object belongs to one module's segment, a frozenset to none
            throw Unarchivable("a frozenset that holds a code object in " + where_);
        }
        constant.targets.push_back({sizeof(record) + i * sizeof(image::Reference), target});
    }
    return note(table_.add(std::move(constant)));
}

}  // namespace pycds::capture
