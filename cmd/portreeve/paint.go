package main

import (
	"io"
	"os"

	"github.com/portreeve/portreeve/internal/terminal"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/explain/words"
)

// paintFor returns colour for a terminal whose user has not said that he wants none.
func paintFor(w io.Writer) words.Paint {
	if !terminal.Coloured(w, os.Getenv) {
		return words.Plain
	}
	return coloured
}

// coloured shows what a verb says in colour.
func coloured(ink words.Ink, text string) string {
	colours := map[words.Ink]terminal.Colour{words.Good: terminal.Green, words.Bad: terminal.Red, words.Open: terminal.Yellow, words.Faint: terminal.Faint, words.Title: terminal.Bold}
	return colours[ink].Text(text)
}

// findingPaint is the same for findings.
func findingPaint(w io.Writer) diag.Paint {
	if !terminal.Coloured(w, os.Getenv) {
		return diag.Plain
	}
	return func(ink diag.Ink, text string) string {
		colours := map[diag.Ink]terminal.Colour{diag.InkError: terminal.Red, diag.InkWarning: terminal.Yellow, diag.InkCode: terminal.Bold, diag.InkCaret: terminal.Red}
		return colours[ink].Text(text)
	}
}
