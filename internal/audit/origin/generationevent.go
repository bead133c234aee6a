package origin

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/internal/audit/who"
	"github.com/portreeve/portreeve/internal/reload"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
)

// GenerationName names a generation: by its number in this process, 0 of an earlier one, and by its hash.
type GenerationName struct {
	Seq  uint64 `json:"seq"`
	Hash string `json:"hash"`
}

// ReadDetails are those of a generation that was read. All counts are exact, whatever is named.
type ReadDetails struct {
	GenerationName
	// Attempt counts from 2 on how often the record was asked to take it.
	Attempt int `json:"attempt,omitempty"`
	// Objects and Files are what it has in place of the generation that was recorded before it.
	Objects Changes      `json:"objects"`
	Files   ChangedFiles `json:"files"`
	// FailedTests are among the errors.
	Errors      int       `json:"errors"`
	Warnings    int       `json:"warnings"`
	FailedTests int       `json:"failedTests,omitempty"`
	Findings    []Finding `json:"findings,omitempty"`
	// Meaning is what the edit does to access; nil where that was not worked out.
	Meaning *audit.Meaning `json:"meaning,omitempty"`
}

// Changes count what changed. Unread is what may be gone or not, as not everything could be read.
type Changes struct {
	Added   int `json:"added"`
	Changed int `json:"changed"`
	Removed int `json:"removed"`
	Unread  int `json:"unread,omitempty"`
}

// ChangedFiles are the files that changed, the first hundred of each kind.
type ChangedFiles struct {
	Changes
	AddedPaths   []string `json:"addedPaths,omitempty"`
	ChangedPaths []string `json:"changedPaths,omitempty"`
	RemovedPaths []string `json:"removedPaths,omitempty"`
	UnreadPaths  []string `json:"unreadPaths,omitempty"`
}

// Finding is a finding about the files.
type Finding struct {
	Code     diag.Code     `json:"code"`
	Severity diag.Severity `json:"severity"`
	Position string        `json:"position"`
	Object   string        `json:"object,omitempty"`
	Message  string        `json:"message"`
}

// SecretDetails are those of a Secret that holds other certificates than before.
type SecretDetails struct {
	Generation GenerationName `json:"generation"`
	Namespace  string         `json:"namespace,omitempty"`
	Name       string         `json:"name"`
	// Authority says that clients are verified with them.
	Authority bool   `json:"authority,omitempty"`
	File      string `json:"file"`
	// Before and Now are the SHA-256 of the certificates.
	Before []string `json:"before"`
	Now    []string `json:"now"`
}

// eventsOfRead returns the events of a generation that was read: itself, and the certificates that are others in it.
func eventsOfRead(read reload.GenerationRead) []audit.Event {
	out := []audit.Event{eventOfRead(read)}
	for _, c := range read.Certificates {
		out = append(out, eventOfCertificate(read, c))
	}
	return out
}

func eventOfRead(read reload.GenerationRead) audit.Event {
	details := ReadDetails{
		GenerationName: GenerationName{read.Seq, read.Hash}, Objects: changesOf(read.Changes), Files: pathsOf(read.Files),
		Errors: read.Errors, Warnings: read.Warnings, FailedTests: read.FailedTests,
	}
	if read.Attempt > 1 {
		details.Attempt = read.Attempt
	}
	for _, d := range read.Findings {
		details.Findings = append(details.Findings, Finding{d.Code, d.Severity, cut(d.Pos.String()), cut(d.Object), cut(scrubbed(d.Message))})
	}
	e := audit.Event{Type: audit.GenerationRead, Time: read.At, Subject: read.Hash, Key: strconv.FormatUint(read.Seq, 10), Outcome: audit.Success}
	if read.Errors > 0 {
		e.Outcome = audit.Refused
	}
	e.Objects, e.More.Objects = objectsOf(read)
	e.Namespaces, e.More.Namespaces = namespacesOf(e.Objects), e.More.Objects
	e.Message = messageOfRead(read, details.Objects)
	e.Details = details.fitting()
	return e
}

// messageOfRead says what changed and what is found. Of the findings it has the code of the first alone: more is for who may see all of the event.
func messageOfRead(read reload.GenerationRead, c Changes) string {
	out := fmt.Sprintf("generation %d was read: %d objects added, %d changed, %d removed", read.Seq, c.Added, c.Changed, c.Removed)
	if c.Unread > 0 {
		out += fmt.Sprintf(", %d cannot be read any more", c.Unread)
	}
	out += fmt.Sprintf("; %d errors, %d warnings", read.Errors, read.Warnings)
	if read.Errors > 0 && len(read.Findings) > 0 {
		out += fmt.Sprintf(", the first is %s", read.Findings[0].Code)
	}
	return out
}

func eventOfCertificate(read reload.GenerationRead, c reload.CertificateChange) audit.Event {
	name := strings.TrimPrefix(c.Namespace+"/"+c.Name, "/")
	e := audit.Event{
		Type: audit.CertificateChanged, Time: read.At, Subject: "Secret " + name, Outcome: audit.Success, Message: "the Secret " + name + " holds other certificates than before",
		Objects: []audit.Object{{Kind: "Secret", Namespace: c.Namespace, Name: c.Name, File: c.File, Change: "changed"}},
		Details: SecretDetails{GenerationName{read.Seq, read.Hash}, c.Namespace, c.Name, c.Authority, cut(c.File), c.Before, c.Now},
	}
	e.Namespaces = namespacesOf(e.Objects)
	return e
}

// maxDetails is what details may come to, in bytes: longer ones are left out whole.
const maxDetails = audit.MaxDetails - 1<<10

// fitting returns the details with no more named than there is room for: half, and half of that.
func (d ReadDetails) fitting() ReadDetails {
	for tooLong(d) {
		half := func(list []string) []string { return list[:len(list)/2] }
		d.Findings = d.Findings[:len(d.Findings)/2]
		f := &d.Files
		f.AddedPaths, f.ChangedPaths, f.RemovedPaths, f.UnreadPaths = half(f.AddedPaths), half(f.ChangedPaths), half(f.RemovedPaths), half(f.UnreadPaths)
	}
	return d
}

// tooLong fails towards what can be told: where the length is not known nothing more is left out.
func tooLong(details any) bool {
	text, err := json.Marshal(details)
	return err == nil && len(text) > maxDetails
}

func changesOf(c translate.Changes) Changes {
	return Changes{c.Added.Total, c.Changed.Total, c.Removed.Total, c.Unread.Total}
}

func pathsOf(f reload.FileChanges) ChangedFiles {
	names := func(s reload.Several) []string {
		var out []string
		for _, file := range s.First {
			out = append(out, file.Path)
		}
		return few(out)
	}
	return ChangedFiles{Changes{f.Added.Total, f.Changed.Total, f.Removed.Total, f.Unread.Total}, names(f.Added), names(f.Changed), names(f.Removed), names(f.Unread)}
}

// filesOf returns the files of which is asked who changed them.
func filesOf(f reload.FileChanges) []who.File {
	var out []who.File
	for _, file := range slices.Concat(f.Changed.First, f.Added.First) {
		out = append(out, who.File{Path: file.Path, Content: file.Content})
	}
	for _, file := range f.Removed.First {
		out = append(out, who.File{Path: file.Path, Gone: true})
	}
	return out
}
