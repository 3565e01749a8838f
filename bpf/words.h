/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Two words that every object here is written with. Knows nothing of balancing.
 * Read next: types.h, csum.h.
 */
#ifndef XLVS_WORDS_H
#define XLVS_WORDS_H

/* A sentence that travels through BTF into the generated TypeScript. */
#define NOTE(sentence) __attribute__((btf_decl_tag(sentence)))
/* Whatever clang thinks of its size: no call, and no argument that the verifier must believe. */
#define ALWAYS static __always_inline

#endif
