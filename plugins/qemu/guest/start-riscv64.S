/* From where the virt machine starts without firmware, in machine mode; and the trap vector. */
.section .start, "ax"
.globl start
start:
    la sp, stack_end
    la t0, trap_stack_end
    csrw mscratch, t0
    la t0, vector
    csrw mtvec, t0
    li t0, 0x2000 /* floating point */
    csrs mstatus, t0
    csrw fcsr, zero
    li t0, -1 /* all memory is everybody's */
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
    la t0, bss_begin
    la t1, bss_end
1:  sd zero, (t0)
    addi t0, t0, 8
    bltu t0, t1, 1b
    call guest_main

.macro each instruction
    .set n, 1
    .irp r, ra,t0,t1,t2,s0,s1,a0,a1,a2,a3,a4,a5,a6,a7,s2,s3,s4,s5,s6,s7,s8,s9,s10,s11,t3,t4,t5,t6
    \instruction \r, n * 8(sp)
    .set n, n + 1
    .endr
.endm

.text
    .align 2
vector: /* with a stack of its own, whatever the mode; traps do not nest */
    csrrw sp, mscratch, sp
    addi sp, sp, -256
    each sd
    mv a0, sp
    call trap
    each ld
    addi sp, sp, 256
    csrrw sp, mscratch, sp
    mret

.bss
    .align 12
    .skip 65536
stack_end:
    .skip 8192
trap_stack_end:
.section .note.GNU-stack, "", @progbits
