package findings

import (
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/source"
)

// Ignored is a warning that a comment in its file switches off.
type Ignored struct {
	diag.Diagnostic
	// Reason is what the comment says, and At where it stands.
	Reason string
	At     diag.Position
}

// ignore is a comment that switches warnings off.
type ignore struct {
	source.Directive
	reason string
	// codes are those it names; what is true of one has been found.
	codes map[diag.Code]bool
}

// maxReason bounds the characters of a reason that are kept.
const maxReason = 300

// ignores reads the comments of files. Comments that say too little, or name what they cannot hide, are findings and
// have no effect.
func (r Rules) ignores(files []source.File) (byFile map[string][]ignore, wrong diag.List) {
	byFile = map[string][]ignore{}
	for _, f := range files {
		directives, more := source.Directives(f)
		for _, d := range directives {
			one, problem := r.parse(d)
			if problem != nil {
				wrong = append(wrong, *problem)
				continue
			}
			byFile[f.Path] = append(byFile[f.Path], one)
		}
		if more {
			wrong = append(wrong, diag.New(diag.CodeIgnoreComment, directives[len(directives)-1].Position, "the file has more than %d such comments; those behind this one have no effect", source.MaxDirectives).
				WithHint("leave a code out with --off, or split the file"))
		}
	}
	return byFile, wrong
}

// parse reads "ignore CODE… because REASON". With a problem the comment has no effect: it fails to the side of showing
// too much.
func (r Rules) parse(d source.Directive) (ignore, *diag.Diagnostic) {
	wrong := func(code diag.Code, format string, args ...any) (ignore, *diag.Diagnostic) {
		found := diag.New(code, d.Position, format, args...).WithHint("write # portreeve:ignore CODE because REASON")
		return ignore{}, &found
	}
	words := strings.Fields(strings.ReplaceAll(d.Text, ",", " "))
	because := slices.Index(words, "because")
	switch {
	case len(words) == 0 || words[0] != "ignore":
		return wrong(diag.CodeIgnoreComment, "the comment portreeve:%s is not known", strings.Join(words[:min(1, len(words))], ""))
	case because < 0 || because == len(words)-1:
		return wrong(diag.CodeIgnoreComment, "the comment does not say why: after the codes it needs the word because, and a reason")
	case because == 1:
		return wrong(diag.CodeIgnoreComment, "the comment names no code")
	}
	out := ignore{Directive: d, codes: map[diag.Code]bool{}, reason: reason(d.Text)}
	for _, word := range words[1:because] {
		code := diag.Code(word)
		switch i, known := info(code); {
		case !known:
			return wrong(diag.CodeIgnoreComment, "%q is no code of a finding", word)
		case i.Severity == diag.Error:
			return wrong(diag.CodeIgnoreError, "%s is an error, which no comment can hide", word)
		case slices.Contains(r.errors, code):
			return wrong(diag.CodeIgnoreError, "%s counts as an error by --error, which no comment can hide", word)
		case aboutComments(code):
			return wrong(diag.CodeIgnoreComment, "%s is about comments, and no comment can hide it", word)
		}
		out.codes[code] = false
	}
	return out, nil
}

// aboutComments reports the codes of findings about comments.
func aboutComments(code diag.Code) bool {
	return slices.Contains([]diag.Code{diag.CodeIgnoreComment, diag.CodeIgnoreError, diag.CodeIgnoreUnused}, code)
}

// reason returns what stands behind "because", without what must not be shown.
func reason(text string) string {
	_, out, _ := strings.Cut(text, "because")
	runes := []rune(strings.Join(strings.Fields(out), " "))
	if len(runes) > maxReason {
		runes = append(runes[:maxReason], '…')
	}
	return diag.New(diag.CodeIgnoreComment, diag.Position{}, "%s", string(runes)).Message
}

// covers reports whether the comment switches a finding off. It fails closed: an error is none that it does.
func (i ignore) covers(d diag.Diagnostic) bool {
	_, named := i.codes[d.Code]
	return named && d.Severity == diag.Warning && i.From > 0 && i.From <= d.Pos.Line && d.Pos.Line <= i.To
}

// unused returns a finding for each code of a comment of which there was none where it stands.
func unused(byFile map[string][]ignore) diag.List {
	var out diag.List
	for _, all := range byFile {
		for _, i := range all {
			for code, found := range i.codes {
				if !found {
					out = append(out, diag.New(diag.CodeIgnoreUnused, i.Position, "there is no finding %s where the comment stands", code).
						WithHint("a comment is about its own line, or the next one where it stands alone, or the whole object where it stands above it"))
				}
			}
		}
	}
	return out
}
