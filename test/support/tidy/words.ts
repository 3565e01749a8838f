/**
 * One word per idea: the table of style, as far as a program can hold people to it. A word is a
 * stretch of letters, or a hump of a camelCase or snake_case name. Read next: papers.ts.
 */
import { type Finding, isGenerated, linesOf, type Rule } from './tree.ts'

interface Word {
  never: RegExp
  say: string
  /** Where the word means something else, and is right. */
  except?: RegExp
}

const VOCABULARY: Word[] = [
  { never: /^(backend|upstream|endpoint)s?$/, say: 'dest' },
  { never: /^realservers?$/, say: 'dest' },
  // Compilers, tsconfig and make have targets of their own.
  {
    never: /^targets?$/,
    say: 'dest',
    except: /--?target\b|make|ScriptTarget|jump/i,
  },
  { never: /^frontends?$/, say: 'service' },
  { never: /^(flow|session)s?$/, say: 'connection (conn)', except: /control flow|flow label/i },
  // Fields of the kernel's own structures keep their names.
  {
    never: /^src$/,
    say: 'client, virtual or dest; saddr for a header field',
    except: /ipv[46]_src|SKIP|FIB|route (add|replace)/,
  },
  {
    never: /^dst$/,
    say: 'client, virtual or dest; daddr for a header field',
    except: /ipv[46]_dst/,
  },
  { never: /^algorithms?$/, say: 'scheduler' },
  {
    never: /^policy|policies$/,
    say: 'scheduler, or name the rule',
    except: /overload policy|policy routing/i,
  },
  { never: /^encaps?$/, say: 'forwarding method (fwd)', except: /BPF_F_ADJ_ROOM_ENCAP/ },
  { never: /^(sticky|stickiness|affinity)$/, say: 'persistent', except: /CPU affinity|taskset/i },
  { never: /^(drained|draining)$/, say: 'quiesced (weight 0)' },
  { never: /^prox(y|ies)$/, say: 'director' },
  { never: /^masq(uerading)?$/, say: 'nat', except: /ipvsadm|IPVS|masquerade/i },
]
const PHRASES: Word[] = [
  { never: /\bload[- ]balancer node\b/i, say: 'director' },
  { never: /\bforwarding mode\b|\bfwd_?mode\b/i, say: 'forwarding method (fwd)' },
  { never: /\b(drop|reason|verdict)[ _]?(code|status)\b/i, say: 'reason' },
  { never: /\bdisabled dests?\b|\bdest is disabled\b/i, say: 'quiesced (weight 0)' },
]

const SPEAKS =
  /^(bpf|control|test)\/.*\.(ts|c|h|sh)$|^(README|ARCHITECTURE|MANUAL|CONTRIBUTING|CHANGELOG)\.md$/
/** Other people's spellings live here; the rules themselves must name what they forbid. */
const SPEAKS_OTHERWISE =
  /^control\/ipvs\/|^test\/(tidy\.test|support\/tidy\/|addon\/)|^test\/((unit|cli)\/)?ipvs/

export const vocabulary: Rule = tree => {
  const found: Finding[] = []
  for (const [path, lines] of linesOf(tree, SPEAKS)) {
    if (SPEAKS_OTHERWISE.test(path) || isGenerated(path)) continue
    lines.forEach((text, i) => {
      for (const fault of faults(text)) found.push({ path, line: i + 1, say: fault })
    })
  }
  return found
}

function faults(text: string): string[] {
  const words = text.replace(/([a-z])([A-Z])/g, '$1 $2').split(/[^A-Za-z]+/)
  const single = VOCABULARY.flatMap(word => {
    const hit = words.find(w => word.never.test(w.toLowerCase()))
    return hit !== undefined && word.except?.test(text) !== true
      ? [`"${hit}": say ${word.say}`]
      : []
  })
  const phrases = PHRASES.flatMap(phrase => {
    const hit = phrase.never.exec(text)
    return hit ? [`"${hit[0]}": say ${phrase.say}`] : []
  })
  return [...single, ...phrases]
}

/** addon/ is libbpf for anyone: it has not heard of virtual servers. */
export const addonWords: Rule = tree => {
  const found: Finding[] = []
  for (const [path, lines] of linesOf(tree, /^addon\/(?!preload\/|build\/).*\.(ts|cc|h)$/)) {
    lines.forEach((text, i) => {
      const word = /\bx?lvs|\bipvs|\bvip\b|\bdirector\b|real server|virtual (server|service)/i.exec(
        text,
      )
      if (word)
        found.push({
          path,
          line: i + 1,
          say: `"${word[0]}" in addon/: say it in words of libbpf or netlink`,
        })
    })
  }
  return found
}
