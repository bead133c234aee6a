package test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// docsPage is a page of the documentation as one script of the shell.
type docsPage struct {
	// script has as many lines as the page, each command on the line on which it stands there, so that what the
	// shell says of a line is true of the page.
	script  []string
	runs    int // blocks of commands, the hidden ones too
	outputs []docsOutput
	faults  []string // what is written against the convention, each with its line
}

// docsOutput is what a block of commands has to print: the lines in their order, among others. Block is the line of that block,
// where "…" stands for anything.
type docsOutput struct {
	line, block int
	lines       []string
}

// endOfFile ends what the script writes into a file.
const endOfFile = "END-OF-THE-FILE-OF-A-PAGE"

var (
	docsFence   = regexp.MustCompile("^( *)(`{3,}|~{3,}) *([A-Za-z0-9_+-]*)")
	docsComment = regexp.MustCompile(`^ *<!-- (not run|file|run|output|exit)(?:: *(.*?))?(?: *(-->))?$`)
	docsShell   = regexp.MustCompile(`^(?: {4,}|\t+)(?:\$ )?(?:sudo )?(?:portreeve|envoy|make|curl|docker|kubectl|openssl|apt|apt-get|dnf|dpkg|systemctl|go|git|jq|tar|ssh|pip|promtool|bin/portreeve)(?: |$)`)
	docsList    = regexp.MustCompile(`^ *(?:[-*+]|\d+[.)]) `)
)

// docsReader reads one page.
type docsReader struct {
	docsPage

	lines  []string
	at     int    // the line that is read, from 0
	kind   string // of the comment above, "" where there is none
	value  string
	block  int  // line of the last block of commands that people see, 0 where it is not run
	inList bool // an indented line is text of a list, and no code
}

// readDocsPage reads a page. See "Documentation" in CONTRIBUTING.md for the convention.
func readDocsPage(content string) docsPage {
	r := docsReader{lines: strings.Split(content, "\n")}
	r.script = make([]string, len(r.lines))
	for ; r.at < len(r.lines); r.at++ {
		r.line(r.lines[r.at])
	}
	r.leave()
	return r.docsPage
}

func (r *docsReader) line(line string) {
	comment, fence := docsComment.FindStringSubmatch(line), docsFence.FindStringSubmatch(line)
	switch {
	case comment != nil:
		r.comment(comment[1], comment[2], comment[3] != "")
	case fence != nil:
		r.fence(fence[1], fence[2], fence[3])
	case strings.TrimSpace(line) == "":
	default:
		r.text(line)
	}
}

// text is a line that is neither a comment nor a fence, nor empty.
func (r *docsReader) text(line string) {
	r.leave()
	if !strings.HasPrefix(line, " ") || docsList.MatchString(line) {
		r.inList = docsList.MatchString(line)
	}
	if !r.inList && docsShell.MatchString(line) {
		r.fault("make it a ```sh fence: %s", strings.TrimSpace(line))
	}
}

// leave drops the comment above, which has to stand above a block.
func (r *docsReader) leave() {
	if r.kind != "" {
		r.fault("the comment %q above stands above no block", r.kind)
	}
	r.kind, r.value = "", ""
}

func (r *docsReader) fault(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf("%d: %s", r.at+1, fmt.Sprintf(format, args...)))
}

func (r *docsReader) comment(kind, value string, ends bool) {
	r.leave()
	switch {
	case kind == "run" && ends:
		r.runs++
		r.script[r.at] = fmt.Sprintf("mark %d; %s", r.at+1, value)
	case kind == "run":
		r.runs++
		r.script[r.at] = fmt.Sprintf("mark %d", r.at+1)
		r.copy(func(line string) bool { return strings.TrimSpace(line) == "-->" }, "")
	case !ends:
		r.fault("the comment has no end on its line")
	case value == "" && kind != "output":
		r.fault("say what: <!-- %s: … -->", kind)
	default:
		r.kind, r.value = kind, value
	}
}

// copy has the lines run that stand before one that ends them, without their indentation, and returns them.
func (r *docsReader) copy(ends func(string) bool, indentation string) []string {
	var out []string
	begin := r.at
	for r.at++; r.at < len(r.lines); r.at++ {
		if ends(r.lines[r.at]) {
			return out
		}
		r.script[r.at] = strings.TrimPrefix(r.lines[r.at], indentation)
		out = append(out, r.script[r.at])
	}
	r.at = begin
	r.fault("it has no end")
	r.at = len(r.lines) - 1
	return out
}

// fence is a block from its first line to its last.
func (r *docsReader) fence(indentation, marks, language string) {
	begin, kind, value := r.at, r.kind, r.value
	r.kind, r.value = "", ""
	lines := r.copy(func(line string) bool { return strings.TrimSpace(line) == marks }, indentation)
	switch {
	case language == "sh" && (kind == "" || kind == "exit"):
		r.commands(begin, value)
		return
	case kind == "file":
		r.script[begin] = fmt.Sprintf("mkdir -p \"$(dirname '%s')\"; cat > '%s' <<'%s'", value, value, endOfFile)
		r.script[r.at] = endOfFile
		return
	}
	clear(r.script[begin : r.at+1])
	r.at, begin = begin, r.at
	switch {
	case language == "" || language == "bash" || language == "shell" || language == "console":
		r.fault("say what is in the block: sh for commands, text for what they print, yaml, json, …")
	case language == "sh" && kind == "not run":
		r.block = 0
	case language == "text" && kind == "output" && r.block == 0:
		r.fault("the block before is not run, so it prints nothing")
	case language == "text" && kind == "output":
		r.outputs = append(r.outputs, docsOutput{line: r.at + 1, block: r.block, lines: lines})
	case kind != "":
		r.fault("a block of %s has a comment %q", language, kind)
	}
	r.at = begin
}

// commands is a block that is run, and whose last command ends with an exit code where one is given.
func (r *docsReader) commands(begin int, exit string) {
	r.runs++
	r.block = begin + 1
	r.script[begin] = fmt.Sprintf("mark %d", begin+1)
	if exit == "" {
		return
	}
	if _, err := strconv.ParseUint(exit, 10, 8); err != nil {
		r.fault("the exit code %q is none", exit)
		return
	}
	r.script[begin] += "; set +e; trap - ERR"
	r.script[r.at] = "ends $? " + exit
}

// missing returns the first of the lines that does not stand in what was printed, after the ones before it.
func (o docsOutput) missing(printed string) (string, bool) {
	rest := strings.Split(printed, "\n")
	for _, line := range o.lines {
		parts := strings.Split(strings.TrimRight(line, " "), "…")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		wanted := regexp.MustCompile("^" + strings.Join(parts, ".*") + "$")
		at := 0
		for at < len(rest) && !wanted.MatchString(strings.TrimRight(rest[at], " \r")) {
			at++
		}
		if at == len(rest) {
			return line, true
		}
		if line != "…" && line != "" {
			rest = rest[at+1:]
		}
	}
	return "", false
}
