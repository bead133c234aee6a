package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// family makes a command one that does nothing by itself. Without one of its commands, or with a word that is none of them,
// it is an error: a script whose check is misspelt must not pass.
func family(c *cobra.Command, members ...*cobra.Command) *cobra.Command {
	c.AddCommand(members...)
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return fmt.Errorf("%q is no command of %s%s; %s --help lists them", args[0], c.CommandPath(), meant(args[0], commandNames(c)), c.CommandPath())
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		return fmt.Errorf("name a command: %s %s; %s --help says more", c.CommandPath(), strings.Join(commandNames(c), "|"), c.CommandPath())
	}
	return c
}

// commandNames are the commands of a family that are meant to be called.
func commandNames(c *cobra.Command) (names []string) {
	for _, member := range c.Commands() {
		if member.IsAvailableCommand() {
			names = append(names, member.Name())
		}
	}
	return names
}

// The groups of --help.
const (
	groupCheck = "check"
	groupRun   = "run"
	groupAsk   = "ask"
	groupTrust = "trust"
	groupOther = "other"
)

// grouped puts commands under a heading of --help.
func grouped(root *cobra.Command, id, title string, members ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: id, Title: title})
	for _, member := range members {
		member.GroupID = id
	}
	root.AddCommand(members...)
}

// nextSteps is what somebody is told who has said nothing.
func nextSteps(*cobra.Command, []string) error {
	return errors.New("name a command. To begin: portreeve validate DIR checks policy files, portreeve serve --config DIR serves gateways by them; portreeve --help lists all")
}

// paths are the arguments of a verb that reads policy: one at least, and none of them empty.
func paths(of string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("name a file or directory of %s: %s policy", of, c.CommandPath())
		}
		return noneEmpty(c, args)
	}
}

// exactly are as many arguments; what says which they are.
func exactly(what string, n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			return fmt.Errorf("name %s", what)
		}
		return noneEmpty(c, args)
	}
}

// noneEmpty refuses an argument that is empty: mostly a variable of a script that is not set.
func noneEmpty(_ *cobra.Command, args []string) error {
	if slices.Contains(args, "") {
		return errors.New("an argument is empty")
	}
	return nil
}
