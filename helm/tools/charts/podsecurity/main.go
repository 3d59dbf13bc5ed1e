// podsecurity reads rendered manifests and says of every pod in them where it breaks a Pod Security Standard.
//
// The judge is the admission plugin's own code, so what passes here is what a namespace that enforces the standard admits.
// Pods are found wherever a document holds a pod's template: in Deployments and CronJobs as well as in the groups of a
// RayCluster. Exit status 1 with a line for each finding; 2 where the input cannot be read or holds no pod at all.
//
//	podsecurity restricted < rendered.yaml
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// pod is one pod's metadata and spec, and where in which document it stands.
type pod struct {
	place    string
	template corev1.PodTemplateSpec
}

func main() {
	if len(os.Args) != 2 {
		fail(errors.New("name one level: podsecurity privileged|baseline|restricted"))
	}
	level, err := api.ParseLevel(os.Args[1])
	if err != nil {
		fail(err)
	}
	pods, err := read(os.Stdin)
	if err != nil {
		fail(err)
	}
	if len(pods) == 0 {
		fail(errors.New("no pod is in the input: was the chart rendered?"))
	}
	found, err := judge(pods, level)
	if err != nil {
		fail(err)
	}
	for _, line := range found {
		fmt.Println(line)
	}
	if len(found) > 0 {
		os.Exit(1)
	}
	fmt.Printf("%d pods keep the standard %q\n", len(pods), level)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "podsecurity:", err)
	os.Exit(2)
}

// read gives every pod of a stream of YAML documents.
func read(input io.Reader) ([]pod, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(input, 4096)
	var pods []pod
	for {
		var document map[string]any
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return pods, nil
		}
		if err != nil {
			return nil, err
		}
		metadata, _ := document["metadata"].(map[string]any)
		place := fmt.Sprintf("%v/%v", document["kind"], metadata["name"])
		if document["kind"] == "Pod" {
			document = map[string]any{"template": document}
		}
		if pods, err = collect(document, place, pods); err != nil {
			return nil, err
		}
	}
}

// collect adds every pod template below a value: a map with a spec that has containers.
func collect(value any, place string, pods []pod) ([]pod, error) {
	var err error
	switch value := value.(type) {
	case []any:
		for index, each := range value {
			if pods, err = collect(each, fmt.Sprintf("%s[%d]", place, index), pods); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		if spec, _ := value["spec"].(map[string]any); spec["containers"] != nil {
			template, err := typed(value)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", place, err)
			}
			return append(pods, pod{place, template}), nil
		}
		keys := make([]string, 0, len(value))
		for key := range value {
			keys = append(keys, key)
		}
		sort.Strings(keys)
		for _, key := range keys {
			if pods, err = collect(value[key], place+"."+key, pods); err != nil {
				return nil, err
			}
		}
	}
	return pods, nil
}

func typed(value map[string]any) (corev1.PodTemplateSpec, error) {
	// A pod of its own carries apiVersion and kind, which a template does not have.
	raw, err := json.Marshal(map[string]any{"metadata": value["metadata"], "spec": value["spec"]})
	if err != nil {
		return corev1.PodTemplateSpec{}, err
	}
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	decoder.DisallowUnknownFields()
	var template corev1.PodTemplateSpec
	return template, decoder.Decode(&template)
}

// judge gives a line for each check that a pod fails.
func judge(pods []pod, level api.Level) ([]string, error) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return nil, err
	}
	standard := api.LevelVersion{Level: level, Version: api.LatestVersion()}
	var found []string
	for _, each := range pods {
		for _, result := range evaluator.EvaluatePod(standard, &each.template.ObjectMeta, &each.template.Spec) {
			if !result.Allowed {
				found = append(found, fmt.Sprintf("%s: %s: %s", each.place, result.ForbiddenReason, result.ForbiddenDetail))
			}
		}
	}
	return found, nil
}
