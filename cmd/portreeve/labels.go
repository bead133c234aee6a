package main

import "github.com/spf13/pflag"

// labelsFlag is a flag of labels, KEY=VALUE,…, of which an empty text says that there are none.
type labelsFlag struct {
	pflag.Value
	labels *map[string]string
}

// registerLabels adds the flag --labels.
func registerLabels(f *pflag.FlagSet, labels *map[string]string) {
	f.StringToStringVar(labels, "labels", map[string]string{"istio": "ingressgateway"}, `Labels of the gateway; "" is none.`)
	flag := f.Lookup("labels")
	flag.Value = labelsFlag{flag.Value, labels}
}

// Set implements pflag.Value.
func (l labelsFlag) Set(text string) error {
	if text == "" {
		*l.labels = map[string]string{}
		return nil
	}
	return l.Value.Set(text)
}
