"""Tables as trial statisticians exchange them: SDTM TU, TR and RS, ADaM ADRS and ADTTE, as CSV and Dataset-JSON 1.1.

Reading order: dataset, table, tumours (read), subject, findings and
responses (SDTM written), analysis (ADaM written). Pure: text in, text out.
"""
