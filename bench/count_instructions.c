// A plugin for qemu: counts the instructions that the emulated program executes, and prints them at its end.
//
//     gcc -O2 -shared -fPIC -o count.so count_instructions.c
//     qemu-aarch64 -plugin ./count.so PROGRAM
//
// The functions are those of qemu's plugin interface, version 1 (qemu, docs/devel/tcg-plugins.rst).

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t,
                                           void (*)(qemu_plugin_id_t, struct qemu_plugin_tb*));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb*, int, void*, uint64_t);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb*);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void*), void*);

enum { kAddU64 };  // the one operation of qemu_plugin_op

int qemu_plugin_version = 1;

static uint64_t executed;

// A translated block runs from its first instruction to its last.
static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb* block) {
  qemu_plugin_register_vcpu_tb_exec_inline(block, kAddU64, &executed,
                                           qemu_plugin_tb_n_insns(block));
}

static void ended(qemu_plugin_id_t id, void* nothing) {
  fprintf(stderr, "instructions %" PRIu64 "\n", executed);
}

int qemu_plugin_install(qemu_plugin_id_t id, const void* info, int count, char** arguments) {
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_atexit_cb(id, ended, NULL);
  return 0;
}
