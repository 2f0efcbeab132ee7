/* From the reset vector, in real mode, by way of protected mode to long mode with paging and SSE; and the trap gates. */
.section .vector, "ax"
.code16
    jmp reset
    .align 16, 0

.section .reset, "ax"
.globl reset
.code16
reset:
    cli
    cld
    lgdtl %cs:(descriptors - reset + 0xf000)
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmpl $8, $protected
descriptors:
    .word gdt_end - gdt - 1
    .long gdt
    .align 8
.globl gdt
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff /* 0x08: code of 32 bits */
    .quad 0x00cf93000000ffff /* 0x10: data */
    .quad 0x00af9b000000ffff /* 0x18: code of 64 bits */
gdt_end:
.code32
protected:
    movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl $0x90000, %esp
    movl $rom, %esi
    movl $image_begin, %edi
    movl $image_words, %ecx
    rep movsl
    movl $start32, %eax
    jmp *%eax

.section .start, "ax"
.code32
start32:
    movl $bss_begin, %edi
    movl $bss_end, %ecx
    subl %edi, %ecx
    shrl $2, %ecx
    xorl %eax, %eax
    rep stosl
    /* the first 4 GiB as they are, in pages of 2 MiB */
    movl $level4, %eax
    movl $level3 + 3, (%eax)
    movl $level3, %edi
    movl $level2 + 3, %eax
    movl $4, %ecx
1:  movl %eax, (%edi)
    addl $8, %edi
    addl $4096, %eax
    loop 1b
    movl $level2, %edi
    movl $0x83, %eax
    movl $2048, %ecx
2:  movl %eax, (%edi)
    addl $8, %edi
    addl $0x200000, %eax
    loop 2b
    movl $level4, %eax
    movl %eax, %cr3
    movl $0x40620, %eax /* PAE, OSFXSR, OSXMMEXCPT, OSXSAVE */
    movl %eax, %cr4
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x901, %eax /* LME, NXE, SCE */
    wrmsr
    movl $0x80010033, %eax /* PG, WP, NE, ET, MP, PE */
    movl %eax, %cr0
    ljmp $0x18, $start64
.code64
start64:
    xorl %ecx, %ecx
    xorl %edx, %edx
    movl $7, %eax /* x87, SSE and AVX */
    xsetbv
    movl $stack_end, %esp
    xorl %ebp, %ebp
    call guest_main

/* One gate for each vector: they leave an error code, a vector and all registers. */
.text
    .align 16
.globl gates
gates:
    .set n, 0
    .rept 49
    .align 16
    .if (n != 8) && (n != 17) && ((n < 10) || (n > 14))
    pushq $0
    .endif
    pushq $n
    jmp common
    .set n, n + 1
    .endr
common:
    pushq %r15; pushq %r14; pushq %r13; pushq %r12; pushq %r11; pushq %r10; pushq %r9; pushq %r8
    pushq %rdi; pushq %rsi; pushq %rbp; pushq %rdx; pushq %rcx; pushq %rbx; pushq %rax
    cld
    movq %rsp, %rdi
    movq %rsp, %rbp
    andq $-16, %rsp
    call trap
    movq %rbp, %rsp
    popq %rax; popq %rbx; popq %rcx; popq %rdx; popq %rbp; popq %rsi; popq %rdi
    popq %r8; popq %r9; popq %r10; popq %r11; popq %r12; popq %r13; popq %r14; popq %r15
    addq $16, %rsp
    iretq

/* SYSCALL: adds what the user has in rdi to the sum. */
.globl system_call
system_call:
    addq %rdi, call_sum(%rip)
    incq call_count(%rip)
    sysretq

/* Goes to user mode at rdi with the stack rsi; interrupt 48 comes back from there. */
.globl enter_user
enter_user:
    pushq %rbx; pushq %rbp; pushq %r12; pushq %r13; pushq %r14; pushq %r15
    movq %rsp, kernel_stack(%rip)
    pushq $0x33
    pushq %rsi
    pushq $2
    pushq $0x3b
    pushq %rdi
    iretq
.globl leave_user
leave_user:
    movq kernel_stack(%rip), %rsp
    popq %r15; popq %r14; popq %r13; popq %r12; popq %rbp; popq %rbx
    ret

.bss
    .align 4096
.globl level4
level4: .skip 4096
level3: .skip 4096
level2: .skip 16384
    .skip 65536
.globl stack_end
stack_end:
kernel_stack: .skip 8

.section .note.GNU-stack, "", @progbits
