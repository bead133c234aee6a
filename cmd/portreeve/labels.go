package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/portreeve/portreeve/translate/resource"
)

// labelsFlag is a flag of labels, KEY=VALUE,…, of which an empty text says that there are none.
type labelsFlag struct {
	pflag.Value
	labels *map[string]string
}

// registerLabels adds the flag --labels.
func registerLabels(c *cobra.Command, labels *map[string]string) {
	c.Flags().StringToStringVar(labels, "labels", map[string]string{"istio": "ingressgateway"}, `Labels of the gateway; "" is none.`)
	flag := c.Flags().Lookup("labels")
	flag.Value = labelsFlag{flag.Value, labels}
	flag.DefValue = labelsText(*labels)
	if err := c.RegisterFlagCompletionFunc("labels", cobra.NoFileCompletions); err != nil {
		panic(err) // the flag is registered twice
	}
}

// Set implements pflag.Value.
func (l labelsFlag) Set(text string) error {
	if text == "" {
		*l.labels = map[string]string{}
		return nil
	}
	if err := l.Value.Set(text); err != nil {
		return err
	}
	return resource.CheckLabels(*l.labels)
}

// Type implements pflag.Value: what --help shows in place of a value.
func (l labelsFlag) Type() string { return "KEY=VALUE,..." }
