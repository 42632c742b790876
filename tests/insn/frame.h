/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parts of stream.h: the code around the random instructions, and the file. */
#ifndef TESTS_INSN_FRAME_H
#define TESTS_INSN_FRAME_H

#include "tests/insn/stream.h"

void frame_put(struct stream *s, uint32_t insn, unsigned len);
void frame_begin(struct stream *s);	/* entry: gp, tp */
void frame_load(struct stream *s);	/* registers of the next case */
void frame_store(struct stream *s);
void frame_end(struct stream *s);	/* write, exit */

#endif
