/* Numbers that C and assembly share. */
#ifndef LAYOUT_H
#define LAYOUT_H

#define MAX_GUEST_CPUS 8
#define GUEST_STACK 0x4000
#define FRAME_SIZE 288

#endif
