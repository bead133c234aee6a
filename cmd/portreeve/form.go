package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// form is what a flag takes: every flag with a value has one, or is of free text.
type form struct {
	// name stands for a value in --help.
	name string
	// check returns what is wrong with a value, or nil. It fails closed: a value that it does not know is none.
	check func(string) error
	// complete proposes values to a shell; nil proposes nothing.
	complete cobra.CompletionFunc
}

// takes says which form the values of a flag have, each of them where it has several. One of another form is refused before
// anything is done.
func takes(c *cobra.Command, flag string, f form) {
	known := c.Flag(flag)
	known.Value = f.hold(known.Value)
	known.DefValue = strings.Trim(known.DefValue, "[]")
	if known.DefValue == "0s" { // --help does not show what is none
		known.DefValue = ""
	}
	complete := f.complete
	if complete == nil {
		complete = cobra.NoFileCompletions
	}
	if err := c.RegisterFlagCompletionFunc(flag, complete); err != nil {
		panic(err) // the flag is registered twice
	}
}

// hold returns a flag's value that takes the form alone.
func (f form) hold(value pflag.Value) pflag.Value {
	one := formed{value, f}
	several, ok := value.(pflag.SliceValue)
	if !ok {
		return one
	}
	if value.Type() == "stringSlice" {
		one.form.check = eachOf(f.check)
	}
	return formedSlice{one, several}
}

// formed is the value of a flag that takes a form.
type formed struct {
	pflag.Value
	form form
}

// Set implements pflag.Value.
func (v formed) Set(text string) error {
	if err := v.form.check(text); err != nil {
		return err
	}
	return v.Value.Set(text)
}

// Type implements pflag.Value: what --help shows in place of a value.
func (v formed) Type() string { return v.form.name }

// formedSlice is that of a flag with several values.
type formedSlice struct {
	formed
	pflag.SliceValue
}

// eachOf checks values that are separated by commas.
func eachOf(check func(string) error) func(string) error {
	return func(text string) error {
		for one := range strings.SplitSeq(text, ",") {
			if err := check(one); err != nil {
				return err
			}
		}
		return nil
	}
}

// maxShownValue bounds what a message repeats of a command line.
const maxShownValue = 100

// wrongFlag says what is wrong with the flags of a command line. Values of flags without a form are not repeated: they may
// be secrets.
func wrongFlag(c *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return fmt.Errorf("%w%s; %s --help lists the flags", err, meantFlag(c, unknown.GetSpecifiedName()), c.CommandPath())
	}
	invalid, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	flag := invalid.GetFlag()
	value, why := invalid.GetValue(), errors.Unwrap(invalid)
	secret := !hasForm(flag)
	if value != "" && (secret || len(value) > maxShownValue) {
		quoted := strings.Trim(strconv.Quote(value), `"`)
		why = errors.New(strings.NewReplacer(value, "…", quoted, "…").Replace(why.Error()))
	}
	if secret {
		return fmt.Errorf("--%s: %w", flag.Name, why)
	}
	return fmt.Errorf("--%s %.*q: %w", flag.Name, maxShownValue, value, why)
}

// hasForm reports whether the values of a flag are held against a form.
func hasForm(f *pflag.Flag) bool {
	switch f.Value.(type) {
	case formed, formedSlice, labelsFlag:
		return true
	default:
		return false
	}
}
