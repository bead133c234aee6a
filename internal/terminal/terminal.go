// Package terminal tells what a person who reads along is shown beside the output: colour, and how far something is. Where
// nobody reads along, on a pipe or in a file, there is neither.
package terminal

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Is reports whether a person reads what is written there, or types what is read. Scripts get the same bytes whatever the
// terminal is.
func Is(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// Environment looks a variable of the environment up, as os.Getenv does.
type Environment func(name string) string

// Coloured reports whether what is written there may be in colour: it is a terminal that knows colours, and its user has not
// set NO_COLOR, to whatever value.
func Coloured(w io.Writer, environment Environment) bool {
	return Is(w) && wanted(environment)
}

func wanted(environment Environment) bool {
	return environment("NO_COLOR") == "" && able(environment)
}

// able reports whether a terminal knows more than text.
func able(environment Environment) bool { return environment("TERM") != "dumb" }

// Colour is how a terminal shows a piece of text.
type Colour string

// The colours, as the parameters of a terminal's SGR sequence.
const (
	Red    Colour = "1;31"
	Green  Colour = "1;32"
	Yellow Colour = "1;33"
	Bold   Colour = "1"
	Faint  Colour = "2"
)

// Text returns a text in the colour. The text must be printable: what is in it is not looked at.
func (c Colour) Text(text string) string { return "\x1b[" + string(c) + "m" + text + "\x1b[0m" }
