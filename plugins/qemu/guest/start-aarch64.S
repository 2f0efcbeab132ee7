/* From where the virt machine starts a kernel, at EL1: paging and the floating point unit; and the trap vectors. */
.section .start, "ax"
.globl start
start:
    adrp x0, stack_end
    mov sp, x0
    mov x0, #(3 << 20)
    msr cpacr_el1, x0
    adrp x0, vectors
    add x0, x0, :lo12:vectors
    msr vbar_el1, x0
    adrp x0, bss_begin
    adrp x1, bss_end
1:  stp xzr, xzr, [x0], #16
    cmp x0, x1
    b.lo 1b
    /* the first GiB are devices, the second is memory, both as they are; the third is the tests' */
    adrp x0, level1
    ldr x1, =0x0060000000000401
    str x1, [x0]
    ldr x1, =0x0000000040000705
    str x1, [x0, #8]
    adrp x1, level2
    orr x1, x1, #3
    str x1, [x0, #16]
    msr ttbr0_el1, x0
    ldr x0, =0xff04
    msr mair_el1, x0
    ldr x0, =0x100803519 /* 39 bits, 4 KiB pages, write-back, no upper half */
    msr tcr_el1, x0
    isb
    tlbi vmalle1
    dsb sy
    mrs x0, sctlr_el1
    mov x1, #0x1005
    orr x0, x0, x1
    bic x0, x0, #2
    msr sctlr_el1, x0
    isb
    bl guest_main
    .ltorg

.text
    .align 11
vectors:
    .set n, 0
    .rept 16
    .align 7
    sub sp, sp, #288
    stp x0, x1, [sp]
    mov x1, #n
    b common
    .set n, n + 1
    .endr
common:
    stp x2, x3, [sp, #16]
    stp x4, x5, [sp, #32]
    stp x6, x7, [sp, #48]
    stp x8, x9, [sp, #64]
    stp x10, x11, [sp, #80]
    stp x12, x13, [sp, #96]
    stp x14, x15, [sp, #112]
    stp x16, x17, [sp, #128]
    stp x18, x19, [sp, #144]
    stp x20, x21, [sp, #160]
    stp x22, x23, [sp, #176]
    stp x24, x25, [sp, #192]
    stp x26, x27, [sp, #208]
    stp x28, x29, [sp, #224]
    str x30, [sp, #240]
    mov x0, sp
    bl trap
    ldr x30, [sp, #240]
    ldp x28, x29, [sp, #224]
    ldp x26, x27, [sp, #208]
    ldp x24, x25, [sp, #192]
    ldp x22, x23, [sp, #176]
    ldp x20, x21, [sp, #160]
    ldp x18, x19, [sp, #144]
    ldp x16, x17, [sp, #128]
    ldp x14, x15, [sp, #112]
    ldp x12, x13, [sp, #96]
    ldp x10, x11, [sp, #80]
    ldp x8, x9, [sp, #64]
    ldp x6, x7, [sp, #48]
    ldp x4, x5, [sp, #32]
    ldp x2, x3, [sp, #16]
    ldp x0, x1, [sp]
    add sp, sp, #288
    eret

.bss
    .align 12
.globl level1, level2
level1: .skip 4096
level2: .skip 4096
    .skip 65536
stack_end:
.section .note.GNU-stack, "", @progbits
