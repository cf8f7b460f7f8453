"""A listening study of two runs, from the test to its numbers: python examples/listening_study.py [ANSWERS...]

Without answers it builds the test: send `study/` to listeners (a folder for any host of files, or zipped), and keep
`study.key.json`. Each sends back one JSON file. With these it reads them, and holds the metrics against what was heard.
"""

import sys

import evalkit

runs = [evalkit.run("mock", limit=8), evalkit.run("mock", limit=8, seed=1)]

if not sys.argv[1:]:
    test = evalkit.listen(*runs, out="study", scales=["quality"], listeners=6)
    print(*test.told, sep="\n")
    print(f"listener 1 opens {test.page}#1; the key is {test.key}")
else:
    heard = evalkit.collect(sys.argv[1:], "study.key.json", runs)
    for one in heard.left_out:
        print(f"{one.listener} is left out: {one.why}")
    for system in heard.scales[0].heard:
        ends = system.interval
        print(system.system, f"{system.value:.2f}", "" if ends is None else f"[{ends.low:.2f}, {ends.high:.2f}]")
    heard.save("ratings.json")
    for metric in evalkit.agree("ratings.json", runs, metrics=["clap_score", "kl_passt"]).held:
        rho = metric.agreement.within["spearman"].value
        print(metric.metric, "within systems:", "n/a" if rho is None else f"{rho:.2f}")
