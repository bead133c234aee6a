package findings

import (
	"fmt"
	"io"
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
)

// WriteGitHub writes a workflow command for each finding, by which GitHub shows it beside the line. Paths below dir, the
// working directory, are relative to it. No text of a finding can end its command or begin another one.
func (r Report) WriteGitHub(w io.Writer, dir string) error {
	for _, d := range r.Findings.Folded() {
		if _, err := io.WriteString(w, workflowCommand(d, dir)); err != nil {
			return fmt.Errorf("write finding: %w", err)
		}
	}
	return nil
}

func workflowCommand(d diag.Diagnostic, dir string) string {
	file, _ := below(dir, d.Pos.File)
	properties := []string{"file=" + escapeProperty(diag.Shown(file))}
	if d.Pos.Line > 0 {
		properties = append(properties, fmt.Sprintf("line=%d", d.Pos.Line))
	}
	if d.Pos.Column > 0 {
		properties = append(properties, fmt.Sprintf("col=%d", d.Pos.Column))
	}
	properties = append(properties, "title="+escapeProperty(string(d.Code)))
	return fmt.Sprintf("::%s %s::%s\n", d.Severity, strings.Join(properties, ","), escapeData(text(d)))
}

// text is the message of a finding, with what to do.
func text(d diag.Diagnostic) string {
	if d.Hint == "" {
		return d.Message
	}
	return d.Message + " (" + d.Hint + ")"
}

// escapeData escapes what would end a command.
func escapeData(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(text)
}

// escapeProperty escapes what would end a property of a command.
func escapeProperty(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(text)
}
